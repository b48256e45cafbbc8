//! The kinds that make objects which are in no manifest, one row each.

use super::{Maker, Way};

const SECRET: &str = "Secret";
const SERVICE: &str = "Service";
const CONFIG_MAP: &str = "ConfigMap";
const ACCOUNT: &str = "ServiceAccount";
const DEPLOYMENT: &str = "Deployment";
/// Any kind.
const ANY: &str = "";

/// All makers, by group and kind. A row without products is a kind that makes nothing a copy could need, even if one
/// of its objects has the name of what is missing.
pub(super) static MAKERS: &[Maker] = &[
    // The CA of OpenShift's services. A copy of the Service gets it too, as it has the annotation.
    Maker::of("", "Service", Way::Again)
        .only_with(&[
            "service.beta.openshift.io/serving-cert-secret-name",
            "service.alpha.openshift.io/serving-cert-secret-name",
        ])
        .makes(&[
            (SECRET, "{@service.beta.openshift.io/serving-cert-secret-name}"),
            (SECRET, "{@service.alpha.openshift.io/serving-cert-secret-name}"),
        ]),
    Maker::of("acid.zalan.do", "postgresql", Way::Operator).makes(&[
        (SECRET, "*.{name}.credentials.postgresql.acid.zalan.do"),
        (SERVICE, "{name}"),
        (SERVICE, "{name}-repl"),
        (SERVICE, "{name}-pooler"),
    ]),
    Maker::of("apps.kubeblocks.io", "Cluster", Way::Operator)
        .makes(&[(SECRET, "{name}-*"), (SERVICE, "{name}-*")]),
    Maker::of("argoproj.io", "Application", Way::Argo)
        .into_namespace("{spec.destination.namespace}")
        .makes(&[
            (ANY, "{spec.source.helm.releaseName|name}"),
            (ANY, "{spec.source.helm.releaseName|name}-{spec.source.chart}"),
            (ANY, "*"),
        ]),
    Maker::of("argoproj.io", "ApplicationSet", Way::Argo).into_namespace("*").makes(&[(ANY, "*")]),
    Maker::of("bitnami.com", "SealedSecret", Way::Sealed)
        .makes(&[(SECRET, "{spec.template.metadata.name|name}")]),
    Maker::of("builtin", "HelmChartInflationGenerator", Way::Chart).into_namespace("*").makes(&[
        (ANY, "{releaseName|name}"),
        (ANY, "{releaseName|name}-*"),
        (ANY, "*"),
    ]),
    Maker::of("cert-manager.io", "Certificate", Way::Operator)
        .makes(&[(SECRET, "{spec.secretName}")]),
    Maker::of("cert-manager.io", "Issuer", Way::Operator),
    Maker::of("cluster.redpanda.com", "Redpanda", Way::Operator)
        .makes(&[(SERVICE, "{name}"), (ANY, "{name}-*")]),
    Maker::of("cluster.redpanda.com", "User", Way::Operator)
        .makes(&[(SECRET, "{spec.authentication.password.valueFrom.secretKeyRef.name}")]),
    Maker::of("dapr.io", "Component", Way::Operator),
    Maker::of("dapr.io", "Configuration", Way::Operator),
    Maker::of("databases.spotahome.com", "RedisFailover", Way::Operator).makes(&[
        (SERVICE, "rfs-{name}"),
        (SERVICE, "rfr-{name}"),
        (SERVICE, "rfrm-{name}"),
        (SERVICE, "rfrs-{name}"),
    ]),
    Maker::of("elasticsearch.k8s.elastic.co", "Elasticsearch", Way::Operator).makes(&[
        (SERVICE, "{name}-es-http"),
        (SECRET, "{name}-es-elastic-user"),
        (SECRET, "{name}-es-http-certs-public"),
        (ANY, "{name}-es-*"),
    ]),
    Maker::of("external-secrets.io", "ClusterExternalSecret", Way::Everywhere)
        .into_namespace("*")
        .makes(&[(SECRET, "{spec.externalSecretSpec.target.name|spec.externalSecretName|name}")]),
    Maker::of("external-secrets.io", "ExternalSecret", Way::Copied)
        .makes(&[(SECRET, "{spec.target.name|name}")]),
    Maker::of("external-secrets.io", "PushSecret", Way::Operator),
    Maker::of("external-secrets.io", "SecretStore", Way::Operator),
    Maker::of("flagger.app", "Canary", Way::Operator).makes(&[
        (SERVICE, "{spec.service.name|spec.targetRef.name}"),
        (SERVICE, "{spec.service.name|spec.targetRef.name}-primary"),
        (SERVICE, "{spec.service.name|spec.targetRef.name}-canary"),
        (DEPLOYMENT, "{spec.targetRef.name}-primary"),
        (CONFIG_MAP, "*-primary"),
        (SECRET, "*-primary"),
    ]),
    Maker::of("gateway.networking.k8s.io", "Gateway", Way::Operator)
        .only_with(CERT_MANAGER)
        .makes(&[(SECRET, "{spec.listeners[].tls.certificateRefs[].name}")])
        // The Service of Istio's gateway: https://istio.io/latest/docs/tasks/traffic-management/ingress/gateway-api/
        .anyway(&[(SERVICE, "{name}-{spec.gatewayClassName}")]),
    Maker::of("helm.cattle.io", "HelmChart", Way::Chart)
        .into_namespace("{spec.targetNamespace|namespace}")
        .makes(CHART),
    Maker::of("helm.crossplane.io", "Release", Way::Chart)
        .into_namespace("{spec.forProvider.namespace|namespace}")
        .makes(CHART),
    Maker::of("helm.fluxcd.io", "HelmRelease", Way::Chart)
        .into_namespace("{spec.targetNamespace|namespace}")
        .makes(CHART),
    Maker::of("helm.toolkit.fluxcd.io", "HelmRelease", Way::Chart)
        .into_namespace("{spec.targetNamespace|namespace}")
        .makes(CHART),
    Maker::of("jaegertracing.io", "Jaeger", Way::Operator).makes(&[
        (SERVICE, "{name}-collector"),
        (SERVICE, "{name}-agent"),
        (SERVICE, "{name}-query"),
        (ANY, "{name}-*"),
    ]),
    Maker::of("k8s.keycloak.org", "Keycloak", Way::Operator)
        .makes(&[(SERVICE, "{name}-service"), (SECRET, "{name}-initial-admin")]),
    Maker::of("k8s.mariadb.com", "MariaDB", Way::Operator).makes(&[
        (SERVICE, "{name}"),
        (SERVICE, "{name}-primary"),
        (SERVICE, "{name}-secondary"),
        (SERVICE, "{name}-internal"),
        (SECRET, "{spec.passwordSecretKeyRef.name}"),
        (ANY, "{name}-*"),
    ]),
    Maker::of("kafka.strimzi.io", "Kafka", Way::Operator).makes(&[
        (SERVICE, "{name}-kafka-bootstrap"),
        (SERVICE, "{name}-kafka-brokers"),
        (SERVICE, "{name}-zookeeper-client"),
        (SECRET, "{name}-cluster-ca-cert"),
        (SECRET, "{name}-clients-ca-cert"),
        (ANY, "{name}-*"),
    ]),
    Maker::of("kafka.strimzi.io", "KafkaBridge", Way::Operator)
        .makes(&[(SERVICE, "{name}-bridge-service")]),
    Maker::of("kafka.strimzi.io", "KafkaConnect", Way::Operator)
        .makes(&[(SERVICE, "{name}-connect-api"), (ANY, "{name}-connect")]),
    Maker::of("kafka.strimzi.io", "KafkaMirrorMaker2", Way::Operator)
        .makes(&[(SERVICE, "{name}-mirrormaker2-api")]),
    Maker::of("kafka.strimzi.io", "KafkaTopic", Way::Operator),
    Maker::of("kafka.strimzi.io", "KafkaUser", Way::Operator).makes(&[(SECRET, "{name}")]),
    Maker::of("kibana.k8s.elastic.co", "Kibana", Way::Operator)
        .makes(&[(SERVICE, "{name}-kb-http"), (ANY, "{name}-kb-*")]),
    Maker::of("kubernetes-client.io", "ExternalSecret", Way::Operator).makes(&[(SECRET, "{name}")]),
    Maker::of("kustomize.toolkit.fluxcd.io", "Kustomization", Way::Build)
        .into_namespace("{spec.targetNamespace}")
        .makes(&[(ANY, "{name}"), (ANY, "*")]),
    Maker::of("kyverno.io", "ClusterPolicy", Way::Everywhere)
        .into_namespace("*")
        .makes(&[(ANY, "{spec.rules[].generate.name}")]),
    Maker::of("minio.min.io", "Tenant", Way::Operator).makes(&[
        (SERVICE, "minio"),
        (SERVICE, "{name}-hl"),
        (SERVICE, "{name}-console"),
        (ANY, "{name}-*"),
    ]),
    Maker::of("mongodbcommunity.mongodb.com", "MongoDBCommunity", Way::Operator)
        .makes(&[(SERVICE, "{name}-svc"), (SECRET, "{name}-*")]),
    Maker::of("monitoring.coreos.com", "Alertmanager", Way::Operator)
        .makes(&[(SERVICE, "alertmanager-operated"), (SERVICE, "alertmanager-{name}")]),
    Maker::of("monitoring.coreos.com", "PodMonitor", Way::Operator),
    Maker::of("monitoring.coreos.com", "Prometheus", Way::Operator)
        .makes(&[(SERVICE, "prometheus-operated"), (SERVICE, "prometheus-{name}")]),
    Maker::of("monitoring.coreos.com", "PrometheusRule", Way::Operator),
    Maker::of("monitoring.coreos.com", "ServiceMonitor", Way::Operator),
    Maker::of("mysql.oracle.com", "InnoDBCluster", Way::Operator).makes(&[
        (SERVICE, "{name}"),
        (SERVICE, "{name}-instances"),
        (ANY, "{name}-*"),
    ]),
    Maker::of("networking.k8s.io", "Ingress", Way::Operator)
        .only_with(CERT_MANAGER)
        .makes(&[(SECRET, "{spec.tls[].secretName}")]),
    Maker::of("onepassword.com", "OnePasswordItem", Way::Operator).makes(&[(SECRET, "{name}")]),
    Maker::of("opentelemetry.io", "Instrumentation", Way::Operator),
    Maker::of("opentelemetry.io", "OpenTelemetryCollector", Way::Operator).makes(&[
        (SERVICE, "{name}-collector"),
        (SERVICE, "{name}-collector-headless"),
        (SERVICE, "{name}-collector-monitoring"),
        (ACCOUNT, "{name}-collector"),
        (ANY, "{name}-collector*"),
        (ANY, "{name}-targetallocator"),
    ]),
    Maker::of("pgv2.percona.com", "PerconaPGCluster", Way::Operator).makes(CRUNCHY),
    Maker::of("postgres-operator.crunchydata.com", "PostgresCluster", Way::Operator).makes(CRUNCHY),
    Maker::of("postgresql.cnpg.io", "Cluster", Way::Operator).makes(&[
        (SECRET, "{name}-app"),
        (SECRET, "{name}-superuser"),
        (SECRET, "{name}-ca"),
        (SECRET, "{name}-server"),
        (SECRET, "{name}-replication"),
        (SERVICE, "{name}-rw"),
        (SERVICE, "{name}-ro"),
        (SERVICE, "{name}-r"),
        (SERVICE, "{spec.managed.services.additional[].serviceTemplate.metadata.name}"),
        (ACCOUNT, "{name}"),
    ]),
    Maker::of("postgresql.cnpg.io", "Pooler", Way::Operator)
        .makes(&[(SERVICE, "{name}"), (ACCOUNT, "{name}")]),
    Maker::of("psmdb.percona.com", "PerconaServerMongoDB", Way::Operator).makes(&[
        (SECRET, "{spec.secrets.users}"),
        (SERVICE, "{name}-mongos"),
        (ANY, "{name}-*"),
    ]),
    Maker::of("pxc.percona.com", "PerconaXtraDBCluster", Way::Operator).makes(&[
        (SECRET, "{spec.secretsName}"),
        (SERVICE, "{name}-haproxy"),
        (SERVICE, "{name}-pxc"),
        (ANY, "{name}-*"),
    ]),
    Maker::of("rabbitmq.com", "RabbitmqCluster", Way::Operator).makes(&[
        (SECRET, "{name}-default-user"),
        (SECRET, "{name}-erlang-cookie"),
        (SERVICE, "{name}"),
        (SERVICE, "{name}-nodes"),
        (CONFIG_MAP, "{name}-server-conf"),
        (CONFIG_MAP, "{name}-plugins-conf"),
        (ACCOUNT, "{name}-server"),
    ]),
    Maker::of("rabbitmq.com", "User", Way::Operator).makes(&[(SECRET, "{name}-user-credentials")]),
    Maker::of("redis.redis.opstreelabs.in", "Redis", Way::Operator)
        .makes(&[(SERVICE, "{name}"), (ANY, "{name}-*")]),
    Maker::of("redis.redis.opstreelabs.in", "RedisCluster", Way::Operator).makes(&[
        (SERVICE, "{name}-leader"),
        (SERVICE, "{name}-follower"),
        (SERVICE, "{name}-master"),
        (ANY, "{name}-*"),
    ]),
    Maker::of("redis.redis.opstreelabs.in", "RedisReplication", Way::Operator).makes(&[
        (SERVICE, "{name}"),
        (SERVICE, "{name}-master"),
        (SERVICE, "{name}-replica"),
        (ANY, "{name}-*"),
    ]),
    Maker::of("ricoberger.de", "VaultSecret", Way::Operator).makes(&[(SECRET, "{name}")]),
    Maker::of("secrets-store.csi.x-k8s.io", "SecretProviderClass", Way::Mounted)
        .makes(&[(SECRET, "{spec.secretObjects[].secretName}")]),
    Maker::of("secrets.doppler.com", "DopplerSecret", Way::Operator)
        .into_namespace("{spec.managedSecret.namespace|namespace}")
        .makes(&[(SECRET, "{spec.managedSecret.name}")]),
    Maker::of("secrets.hashicorp.com", "HCPVaultSecretsApp", Way::Operator).makes(VAULT),
    Maker::of("secrets.hashicorp.com", "VaultDynamicSecret", Way::Operator).makes(VAULT),
    Maker::of("secrets.hashicorp.com", "VaultPKISecret", Way::Operator).makes(VAULT),
    Maker::of("secrets.hashicorp.com", "VaultStaticSecret", Way::Operator).makes(VAULT),
    Maker::of("secrets.infisical.com", "InfisicalSecret", Way::Operator).makes(&[
        (SECRET, "{spec.managedSecretReference.secretName}"),
        (SECRET, "{spec.managedKubeSecretReferences[].secretName}"),
    ]),
    Maker::of("serving.knative.dev", "Service", Way::Operator)
        .makes(&[(SERVICE, "{name}"), (DEPLOYMENT, "{name}-*")]),
    Maker::of("serving.kserve.io", "InferenceService", Way::Operator).makes(&[
        (SERVICE, "{name}"),
        (SERVICE, "{name}-predictor"),
        (ANY, "{name}-*"),
    ]),
    Maker::of("trust.cert-manager.io", "Bundle", Way::Everywhere)
        .into_namespace("*")
        .makes(&[(CONFIG_MAP, "{name}"), (SECRET, "{name}")]),
];

/// The annotations that make cert-manager create a Certificate for an object.
const CERT_MANAGER: &[&str] =
    &["cert-manager.io/cluster-issuer", "cert-manager.io/issuer", "kubernetes.io/tls-acme"];

/// Objects of a chart mostly have the name of its release, or begin with it.
const CHART: &[(&str, &str)] = &[
    (ANY, "{spec.releaseName|name}"),
    (ANY, "{spec.releaseName|name}-*"),
    (ANY, "{spec.releaseName|name}-{spec.chart.spec.chart|spec.chart.name|spec.chart}"),
    (ANY, "{spec.targetNamespace}-{name}"),
    (ANY, "{spec.targetNamespace}-{name}-{spec.chart.spec.chart|spec.chart.name|spec.chart}"),
    (ANY, "{spec.targetNamespace}-{name}-*"),
    (ANY, "{spec.values.fullnameOverride}"),
    (ANY, "{spec.values.fullnameOverride}-*"),
    (ANY, "*"),
];

/// The operator of Crunchy Data, and that of Percona, which is based on it.
const CRUNCHY: &[(&str, &str)] = &[
    (SECRET, "{name}-pguser-*"),
    (SECRET, "{name}-cluster-cert"),
    (SERVICE, "{name}-primary"),
    (SERVICE, "{name}-replicas"),
    (SERVICE, "{name}-ha"),
    (SERVICE, "{name}-pods"),
    (SERVICE, "{name}-pgbouncer"),
    (ANY, "{name}-*"),
];

const VAULT: &[(&str, &str)] = &[(SECRET, "{spec.destination.name}")];
