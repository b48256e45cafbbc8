//! Every type of volume: mounted to be written and to be read, with claims as they are and with `volumes: empty`.

use serde_json::{Value, json};

use super::{Outcome, assert_covered, object, outcome, pod, rows, service, workload};

/// What becomes of a volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// The same in the copy, and nothing is said.
    Kept,
    /// The same in the copy, and named, with these words, for what it shares with the original.
    Named(&'static str),
    /// An error with these words.
    Refused(&'static str),
    /// An empty directory.
    Emptied,
}
use Fate::{Emptied, Kept, Named, Refused};

/// A volume of the baseline.
struct Case {
    /// Its row in the guide.
    row: &'static str,
    source: Value,
    /// Mounted to be written, mounted to be read, and written with `volumes: empty`.
    fates: [Fate; 3],
    /// Kinds of the objects called `needed` that come along.
    needed: &'static [(&'static str, &'static str)],
}

fn case(row: &'static str, source: Value, fates: [Fate; 3]) -> Case {
    Case { row, source: json!({ row: source }), fates, needed: &[] }
}

/// A type whose source says where data are that every pod shares.
fn shared(row: &'static str, source: Value) -> Case {
    case(row, source, [Named(row), Kept, Named(row)])
}

fn disk(row: &'static str, source: Value) -> Case {
    case(row, source, [Named(row); 3])
}

fn own(row: &'static str, source: Value) -> Case {
    case(row, source, [Kept; 3])
}

const CONFIG_MAP: (&str, &str) = ("v1", "ConfigMap");
const SECRET: (&str, &str) = ("v1", "Secret");

impl Case {
    fn with(self, needed: &'static [(&'static str, &'static str)]) -> Self {
        Self { needed, ..self }
    }
}

fn claim(more: &Value) -> Value {
    let mut spec =
        json!({"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}});
    for (key, value) in more.as_object().expect("a claim has fields") {
        spec[key] = value.clone();
    }
    json!({"volumeClaimTemplate": {"spec": spec}})
}

fn of_drivers() -> Vec<Case> {
    let provider = [("secrets-store.csi.x-k8s.io/v1", "SecretProviderClass"), SECRET];
    let csi = |driver: &str, more: Value| {
        let mut source = json!({"driver": driver});
        for (key, value) in more.as_object().into_iter().flatten() {
            source[key] = value.clone();
        }
        source
    };
    let attributes = json!({"volumeAttributes": {"secretProviderClass": "needed"},
        "nodePublishSecretRef": {"name": "needed"}});
    vec![
        own("csi", csi("secrets-store.csi.k8s.io", attributes)).with(Box::leak(Box::new(provider))),
        own("csi", csi("csi.spiffe.io", json!({"readOnly": true}))),
        shared(
            "csi",
            csi("nfs.csi.k8s.io", json!({"volumeAttributes": {"server": "nfs", "share": "/"}})),
        ),
        shared("csi", csi("csi.example.com", json!({}))),
        own("csi", csi("smb.csi.k8s.io", json!({"readOnly": true}))),
    ]
}

fn of_claims() -> Vec<Case> {
    let from = |kind: &str| {
        claim(&json!({"dataSource": {"apiGroup": "example.com", "kind": kind, "name": "seed"}}))
    };
    let elsewhere = json!({"dataSourceRef": {"kind": "PersistentVolumeClaim", "name": "seed", "namespace": "other"}});
    let needs = |words| [Refused(words), Refused(words), Emptied];
    let chosen = [Named("PersistentVolume"), Named("PersistentVolume"), Emptied];
    vec![
        case(
            "persistentVolumeClaim",
            json!({"claimName": "data"}),
            needs("PersistentVolumeClaim data"),
        ),
        own("ephemeral", claim(&json!({}))),
        own("ephemeral", claim(&json!({"volumeName": ""}))),
        case("ephemeral", from("PersistentVolumeClaim"), needs("PersistentVolumeClaim seed")),
        case("ephemeral", from("VolumeSnapshot"), needs("VolumeSnapshot seed")),
        case("ephemeral", from("Image"), needs("Image seed")),
        case("ephemeral", claim(&elsewhere), needs("PersistentVolumeClaim seed")),
        case("ephemeral", claim(&json!({"volumeName": "pv-7"})), chosen),
        case("ephemeral", claim(&json!({"selector": {"matchLabels": {"disk": "fast"}}})), chosen),
    ]
}

fn of_network() -> Vec<Case> {
    let secret = json!({"name": "needed"});
    vec![
        shared("azureFile", json!({"shareName": "x", "secretName": "needed"})).with(&[SECRET]),
        shared("cephfs", json!({"monitors": ["m"], "secretRef": secret})).with(&[SECRET]),
        shared("fc", json!({"targetWWNs": ["50060e801049cfd1"], "lun": 0})),
        shared("flexVolume", json!({"driver": "example.com/x", "secretRef": secret}))
            .with(&[SECRET]),
        shared("flocker", json!({"datasetName": "x"})),
        shared("glusterfs", json!({"endpoints": "needed", "path": "x"}))
            .with(&[("v1", "Endpoints")]),
        shared(
            "iscsi",
            json!({"targetPortal": "10.0.2.15:3260", "iqn": "iqn.2001-04.com.example:x", "lun": 0,
            "secretRef": secret}),
        )
        .with(&[SECRET]),
        own(
            "iscsi",
            json!({"targetPortal": "10.0.2.15:3260", "iqn": "iqn.2001-04.com.example:x", "lun": 0,
            "readOnly": true}),
        ),
        shared("nfs", json!({"server": "nfs", "path": "/"})),
        shared("portworxVolume", json!({"volumeID": "x"})),
        shared("quobyte", json!({"registry": "x:1", "volume": "x"})),
        shared("rbd", json!({"monitors": ["m"], "image": "x", "secretRef": secret}))
            .with(&[SECRET]),
        disk("awsElasticBlockStore", json!({"volumeID": "x"})),
        disk("awsElasticBlockStore", json!({"volumeID": "x", "readOnly": true})),
        disk(
            "azureDisk",
            json!({"diskName": "x", "diskURI": "https://acme.blob.core.windows.net/disks/x.vhd"}),
        ),
        disk("cinder", json!({"volumeID": "x", "secretRef": secret})).with(&[SECRET]),
        disk("gcePersistentDisk", json!({"pdName": "x"})),
        own("gcePersistentDisk", json!({"pdName": "x", "readOnly": true})),
        disk("photonPersistentDisk", json!({"pdID": "x"})),
        disk(
            "scaleIO",
            json!({"gateway": "x", "system": "x", "volumeName": "x", "secretRef": secret}),
        )
        .with(&[SECRET]),
        disk("storageos", json!({"volumeName": "x", "secretRef": secret})).with(&[SECRET]),
        disk("vsphereVolume", json!({"volumePath": "x"})),
    ]
}

fn of_nodes_and_objects() -> Vec<Case> {
    let socket = [Named("the socket"); 3];
    let from_pod = json!([{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]);
    vec![
        own("configMap", json!({"name": "needed"})).with(&[CONFIG_MAP]),
        own("configMap", json!({"name": "nowhere", "optional": true})),
        own("secret", json!({"secretName": "needed"})).with(&[SECRET]),
        own("secret", json!({"secretName": "nowhere", "optional": true})),
        own("downwardAPI", json!({"items": from_pod})),
        own("emptyDir", json!({"medium": "Memory", "sizeLimit": "64Mi"})),
        own("gitRepo", json!({"repository": "https://git.example.com/x"})),
        own("image", json!({"reference": "registry.example.com/data:1"})),
        own(
            "projected",
            json!({"sources": [
                {"configMap": {"name": "needed"}},
                {"secret": {"name": "needed"}},
                {"downwardAPI": {"items": from_pod}},
                {"serviceAccountToken": {"path": "token", "expirationSeconds": 3600}},
                {"clusterTrustBundle": {"name": "trust", "path": "ca.pem"}},
            ]}),
        )
        .with(&[CONFIG_MAP, SECRET]),
        shared("hostPath", json!({"path": "/var/data"})),
        case("hostPath", json!({"path": "/run/x.sock"}), socket),
        case("hostPath", json!({"path": "/run/x", "type": "Socket"}), socket),
    ]
}

fn cases() -> Vec<Case> {
    let unknown = Case {
        row: "any other",
        source: json!({"dreamVolume": {"depth": 7}}),
        fates: [Named("dreamVolume"), Kept, Named("dreamVolume")],
        needed: &[],
    };
    [of_drivers(), of_claims(), of_network(), of_nodes_and_objects(), vec![unknown]]
        .into_iter()
        .flatten()
        .collect()
}

/// A workload that has the volume, mounted to be written or read.
fn baseline(kind: &str, case: &Case, read_only: bool) -> Vec<Value> {
    let mut volume = json!({"name": "data"});
    for (key, value) in case.source.as_object().expect("a volume has a type") {
        volume[key] = value.clone();
    }
    let mut pod = pod(&json!({"volumes": [volume]}));
    pod["containers"][0]["volumeMounts"] =
        json!([{"name": "data", "mountPath": "/data", "readOnly": read_only}]);
    let needed = case.needed.iter().map(|(api, kind)| object(api, kind, "needed"));
    [service(), workload(kind, &pod)].into_iter().chain(needed).collect()
}

fn judge(case: &Case, fate: Fate, outcome: &Outcome, kind: &str) -> Result<(), String> {
    let told = |holds: bool, what: &str| match holds {
        true => Ok(()),
        false => Err(format!("{} {fate:?} of {kind}: {what}: {}", case.source, outcome.words)),
    };
    if let Refused(words) = fate {
        return told(outcome.failed && outcome.says("volume-claim", words), "not refused");
    }
    told(!outcome.failed, "refused")?;
    let volume = &outcome.copy(kind, "cart")["spec"]["template"]["spec"]["volumes"][0];
    let is_same =
        case.source.as_object().expect("a type").iter().all(|(key, value)| volume[key] == *value);
    told(is_same == (fate != Emptied), "the volume of the copy")?;
    if fate == Emptied {
        told(volume == &json!({"name": "data", "emptyDir": {}}), "not empty")?;
    }
    match fate {
        Named(words) => told(outcome.says("shared-with-original", words), "not named")?,
        _ => told(!outcome.words.contains("shared-with-original"), "named")?,
    }
    let missing = case.needed.iter().find(|(_, kind)| outcome.find(kind, "needed").is_none());
    told(missing.is_none(), "what it names is not copied")?;
    let violations = outcome.violations();
    let is_unknown = case.row == "any other";
    told(is_unknown || violations.is_empty(), &format!("a server refuses it: {violations:?}"))
}

#[test]
fn every_type_of_volume_has_the_outcome_that_the_guide_states() {
    let mut problems = Vec::new();
    for case in cases() {
        for (kind, facts) in
            [("Deployment", json!({})), ("StatefulSet", json!({"stateful": "copy"}))]
        {
            let mut emptied = facts.clone();
            emptied["volumes"] = json!("empty");
            let [written, read, empty] = case.fates;
            let all = [(written, false, &facts), (read, true, &facts), (empty, false, &emptied)];
            for (fate, read_only, facts) in all {
                let outcome = outcome(&baseline(kind, &case, read_only), facts, &json!({}));
                problems.extend(judge(&case, fate, &outcome, kind).err());
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn the_guide_says_of_each_volume_what_was_tried() {
    let cases = cases();
    let beside = ["volumeClaimTemplates", "volumeDevices"];
    assert_covered("volumes", cases.iter().map(|case| case.row).chain(beside));
    for (row, what) in
        rows("volumes").into_iter().filter(|(row, _)| !beside.contains(&row.as_str()))
    {
        let fates = || cases.iter().filter(|case| case.row == row).flat_map(|case| case.fates);
        let said = |text: &str, is: fn(&Fate) -> bool| {
            assert_eq!(what.contains(text), fates().any(|fate| is(&fate)), "{row}: {what}");
        };
        said("shared-with-original", |fate| matches!(fate, Named(_)));
        said("volume-claim", |fate| matches!(fate, Refused(_)));
        said("an empty directory", |fate| *fate == Emptied);
    }
}

/// A StatefulSet with a claim of a template, and more in its pod.
fn set(claim: &Value, pod_fields: &Value, container: &Value) -> [Value; 2] {
    let mut pod = pod(pod_fields);
    for (key, value) in container.as_object().expect("a container has fields") {
        pod["containers"][0][key] = value.clone();
    }
    let mut set = workload("StatefulSet", &pod);
    set["spec"]["volumeClaimTemplates"] =
        json!([{"metadata": {"name": "data"}, "spec": claim["volumeClaimTemplate"]["spec"]}]);
    [service(), set]
}

fn copied(baseline: &[Value], volumes: &str) -> Outcome {
    outcome(baseline, &json!({"stateful": "copy", "volumes": volumes}), &json!({}))
}

#[test]
fn claims_of_a_set_are_made_anew_in_a_copy_and_emptied_where_that_is_said() {
    let mounted = json!({"volumeMounts": [{"name": "data", "mountPath": "/data"}]});
    let plain = set(&claim(&json!({})), &json!({}), &mounted);
    let kept = copied(&plain, "refuse");
    assert_eq!(
        kept.copy("StatefulSet", "cart")["spec"]["volumeClaimTemplates"],
        plain[1]["spec"]["volumeClaimTemplates"]
    );
    assert!(!kept.words.contains("shared-with-original"), "{}", kept.words);
    assert_eq!(kept.violations(), [""; 0]);

    // A claim takes the place of a volume that has its name, and so does the empty directory.
    let volumes = json!({"volumes": [{"name": "tmp", "emptyDir": {}}, {"name": "data", "hostPath": {"path": "/old"}}]});
    for baseline in [plain, set(&claim(&json!({})), &volumes, &mounted)] {
        let emptied = copied(&baseline, "empty");
        let spec = &emptied.copy("StatefulSet", "cart")["spec"];
        assert!(spec["volumeClaimTemplates"].is_null(), "{spec}");
        let volumes = spec["template"]["spec"]["volumes"].as_array().expect("volumes");
        let named: Vec<&Value> = volumes.iter().filter(|one| one["name"] == "data").collect();
        assert_eq!(named, [&json!({"name": "data", "emptyDir": {}})], "{spec}");
        assert!(!emptied.words.contains("/old"), "{}", emptied.words);
        assert_eq!(emptied.violations(), [""; 0]);
    }
}

#[test]
fn claims_of_a_set_that_need_storage_of_the_baseline_are_named_or_refused() {
    let from = claim(&json!({"dataSource": {"kind": "PersistentVolumeClaim", "name": "seed"}}));
    let from = set(&from, &json!({}), &json!({}));
    let refused = copied(&from, "refuse");
    assert!(
        refused.failed && refused.says("volume-claim", "PersistentVolumeClaim seed"),
        "{}",
        refused.words
    );
    assert!(!copied(&from, "empty").failed);
    for field in
        [json!({"volumeName": "pv-7"}), json!({"selector": {"matchLabels": {"disk": "fast"}}})]
    {
        let chosen = set(&claim(&field), &json!({}), &json!({}));
        let named = copied(&chosen, "refuse");
        assert!(named.says("shared-with-original", "PersistentVolume"), "{}", named.words);
        let emptied = copied(&chosen, "empty");
        assert!(!emptied.words.contains("shared-with-original"), "{}", emptied.words);
    }
}

#[test]
fn a_claim_that_is_used_as_a_device_cannot_become_an_empty_directory() {
    let device = json!({"volumeDevices": [{"name": "data", "devicePath": "/dev/xvda"}]});
    let block = claim(&json!({"volumeMode": "Block"}));
    let of_set = set(&block, &json!({}), &device);
    let of_volume = set(
        &claim(&json!({})),
        &json!({"volumes": [{"name": "disk", "persistentVolumeClaim": {"claimName": "disk"}}]}),
        &json!({"volumeDevices": [{"name": "disk", "devicePath": "/dev/xvda"}]}),
    );
    for (baseline, name) in [(of_set, "`data`"), (of_volume, "`disk`")] {
        let refused = copied(&baseline, "empty");
        assert!(refused.failed && refused.says("volume-claim", name), "{}", refused.words);
        assert!(refused.says("volume-claim", "an empty directory"), "{}", refused.words);
    }
    let own = json!({"volumes": [{"name": "data", "ephemeral": block}]});
    let kept = set(&claim(&json!({})), &own, &device);
    assert!(
        !copied(
            &[kept[0].clone(), workload("Deployment", &kept[1]["spec"]["template"]["spec"])],
            "empty"
        )
        .failed
    );
}

#[test]
fn claims_of_copies_count_in_a_quota() {
    let quota = json!({"limits": {"quota": {"hard": {"persistentvolumeclaims": "0"}}}});
    let own = json!({"volumes": [{"name": "own", "ephemeral": claim(&json!({}))}]});
    let baseline = set(&claim(&json!({})), &own, &json!({}));
    for (volumes, count) in [("refuse", "2"), ("empty", "1")] {
        let facts = json!({"stateful": "copy", "volumes": volumes});
        let refused = outcome(&baseline, &facts, &quota);
        let words = format!("persistentvolumeclaims may be 0, and `pr-1` has {count}");
        assert!(refused.failed && refused.says("quota-exceeded", &words), "{}", refused.words);
    }
}
