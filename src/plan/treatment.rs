//! The tables of the guide that say what happens to kinds, volumes, references and annotations in a preview. They are
//! made from the lists by which the program decides.

use crate::kube::bindings::{BINDINGS, Form, On, To};
use crate::kube::makers::{self, Way};
use crate::kube::meta::{CHOOSING, PUBLISHING, SPREADING};
use crate::kube::volumes::{Fate, PER_POD_DRIVERS, VOLUMES};
use crate::kube::{Support, kinds};
use crate::model::Referent;

use super::bound::FIELDS;
use super::policies::{BUDGETS, SCALERS};

/// The name of a table, the heads of its columns, and its rows.
pub type Table = (&'static str, [&'static str; 3], Vec<[String; 3]>);

/// Every table.
#[must_use]
pub fn tables() -> Vec<Table> {
    vec![
        ("workloads", ["kind", "API group", "in a preview"], workloads()),
        ("volumes", ["volume", "what it is", "in a copy"], volumes()),
        ("references", ["what a pod names", "API group", "in a preview"], references()),
        ("annotations", ["key", "stands on", "in a preview"], annotations()),
        ("makers", ["kind", "what it makes", "where that is missing"], made()),
    ]
}

fn workloads() -> Vec<[String; 3]> {
    let rows = kinds::workloads().map(|(group, kind, support)| {
        let what = match support {
            Support::Copied => "copied".to_owned(),
            Support::Stateful => "copied with `stateful: copy`, else refused".to_owned(),
            Support::Passing => {
                "left out, with a note (`left-out`); refused where a service has nothing else"
                    .to_owned()
            }
            Support::Refused(why) => format!("refused: {why}"),
        };
        [format!("`{kind}`"), group_name(group), what]
    });
    let scalers = SCALERS.iter().map(|&(group, kind, _, why)| (group, kind, why));
    let left_out = scalers.chain([BUDGETS]).map(|(group, kind, why)| {
        let what = format!("left out, with a note (`left-out`): {why}");
        [format!("`{kind}`"), group_name(group), what]
    });
    rows.chain(left_out).collect()
}

fn group_name(group: &str) -> String {
    if group.is_empty() { "core".to_owned() } else { format!("`{group}`") }
}

const NAMED: &str = "kept, and named where a copy may write (`shared-with-original`)";
const TEMPLATE: &str = "kept; one that asks for a PersistentVolume by name or labels is named (`shared-with-original`), \
                        one that takes its content from another object is refused (`volume-claim`)";

const DISK: &str = "the same for every pod, on one node at a time";
const ON_ONE_NODE: &str = "kept, and named (`shared-with-original`)";

fn volumes() -> Vec<[String; 3]> {
    let per_pod = PER_POD_DRIVERS.map(|driver| format!("`{driver}`")).join(", ");
    let of_drivers = format!(
        "each pod's own of {per_pod}: kept, and objects that it names are copied; of other drivers {NAMED}"
    );
    let of_template =
        format!("{TEMPLATE}; with `volumes: empty` either of these is an empty directory");
    let of_nodes = format!("{NAMED}; a socket always");
    let of_google = format!("{ON_ONE_NODE}, unless it is `readOnly`");
    let row = |(name, fate): &(&str, Fate)| {
        let [is, what] = match fate {
            Fate::PerPod => ["each pod's own", "kept"],
            Fate::Template => ["a claim of each pod's own", &of_template],
            Fate::Follows => ["objects of the namespace", "kept, and what it names is copied"],
            Fate::Claim => {
                ["a claim", "refused (`volume-claim`); with `volumes: empty` an empty directory"]
            }
            Fate::Driver => ["what a driver makes", &of_drivers],
            Fate::Shared if *name == "hostPath" => ["the same for every pod", &of_nodes],
            Fate::Shared => ["the same for every pod", NAMED],
            Fate::Disk if *name == "gcePersistentDisk" => [DISK, &of_google],
            Fate::Disk => [DISK, ON_ONE_NODE],
        };
        [format!("`{name}`"), is.to_owned(), what.to_owned()]
    };
    VOLUMES.iter().map(row).chain(besides_volumes()).collect()
}

/// The rows for other fields about volumes, and for types of volumes that are not known.
fn besides_volumes() -> impl Iterator<Item = [String; 3]> {
    let rows = [
        ("any other", "not known", NAMED.to_owned()),
        (
            "`volumeClaimTemplates`",
            "a claim of each pod's own, in a StatefulSet",
            format!("{TEMPLATE}; with `volumes: empty` an empty directory"),
        ),
        (
            "`volumeDevices`",
            "a claim as a device",
            "kept; with `volumes: empty` refused (`volume-claim`)".to_owned(),
        ),
    ];
    rows.into_iter().map(|(name, is, what)| [name.to_owned(), is.to_owned(), what])
}

fn references() -> Vec<[String; 3]> {
    let row = |referent: &Referent| {
        let (group, kind) = referent.group_kind();
        [format!("`{kind}`"), group_name(group), referent.fate().to_owned()]
    };
    Referent::ALL.iter().map(row).collect()
}

fn annotations() -> Vec<[String; 3]> {
    let mut rows: Vec<[String; 3]> = BINDINGS.iter().map(|binding| {
        let on = match binding.on {
            On::Pod => "the pod template",
            On::PodOrNamespace => "the pod template, the Namespace",
            On::PodLabel => "the pod template, as a label",
            On::Account => "the ServiceAccount",
        };
        let what = match binding.to {
            To::Object(_, kind, Form::Volumes) => format!("{kind} of the volumes are copied"),
            To::Object("", kind, _) => format!("the {kind} is copied"),
            To::Object(_, kind, _) => {
                format!("the {kind} of the namespace is copied; where it is not in the input, `annotation-names-nothing`")
            }
            To::Dapr => "the Components, Subscriptions, Resiliency and HTTPEndpoints that are for the application are \
                         copied"
                .to_owned(),
            To::Identity(says, _) => format!("kept, and named (`identity-not-granted`): {says}"),
            To::Address => "kept, and named (`shared-with-original`)".to_owned(),
        };
        [format!("`{}`", binding.key), on.to_owned(), what]
    }).collect();
    rows.extend(FIELDS.iter().map(|field| {
        let what = format!("kept, and named (`identity-not-granted`): {}", field.says);
        [format!("`{}`", field.key), field.on.to_owned(), what]
    }));
    rows.push([
        "`spec.conditions`".to_owned(),
        "a ClusterSecretStore".to_owned(),
        "named where it may not serve previews (`identity-not-granted`)".to_owned(),
    ]);
    let left = |keys: &[&str], on: &str| -> Vec<[String; 3]> {
        let row = |key: &&str| {
            [format!("`{key}`"), on.to_owned(), "left out, with a note (`left-out`)".to_owned()]
        };
        keys.iter().map(row).collect()
    };
    rows.extend(left(&PUBLISHING, "a Service"));
    rows.extend(left(&SPREADING, "a ConfigMap or Secret"));
    rows.extend(left(&CHOOSING, "a workload, as a label too"));
    rows
}

fn made() -> Vec<[String; 3]> {
    let row = |(group, kind, way, products): (&str, &str, Way, Vec<String>)| {
        let what = match way {
            Way::Chart => "render the chart",
            Way::Build => "pass the folder, or what `flux build` prints",
            Way::Argo => "pass what `argocd app manifests` prints",
            Way::Operator => "`external`, where it is a ConfigMap or Secret",
            Way::Everywhere => "`external`, where it makes one for previews too",
            Way::Copied => "nothing to do: it is copied",
            Way::Again => "nothing to do where the Service is copied",
            Way::Mounted => "nothing to do: a copy mounts it too",
            Way::Sealed => "refused: it is sealed for its namespace",
        };
        let kind = match group {
            "" => format!("`{kind}`"),
            group => format!("`{kind}` of `{group}`"),
        };
        [kind, products.join(", "), what.to_owned()]
    };
    makers::table().map(row).collect()
}
