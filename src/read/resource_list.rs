//! The ResourceList: the envelope of the KRM function protocol.
//! See <https://github.com/kubernetes-sigs/kustomize/blob/master/cmd/config/docs/api-conventions/functions-spec.md>.

use crate::diagnostic::{Diagnostic, FileId, Report, Sources, code};
use crate::limits::InputLimits;
use crate::yaml::{Data, Node, parse_documents};

/// What an orchestrator sends to a function, and what it gets back.
#[derive(Debug, Default)]
pub(crate) struct ResourceList {
    /// `apiVersion` as received; the answer carries the same.
    pub(crate) api_version: String,
    /// The items, as received.
    pub(crate) items: Vec<Node>,
    /// The function's configuration: previews.yaml.
    pub(crate) function_config: Option<Node>,
}

/// Reads a ResourceList. Bare documents, as a legacy exec plugin gets them, are taken as items without a
/// configuration.
pub(crate) fn read_resource_list(
    sources: &Sources,
    file: FileId,
    limits: &InputLimits,
    report: &mut Report,
) -> ResourceList {
    let mut documents = report.keep(parse_documents(sources, file, limits)).unwrap_or_default();
    let is_list = |node: &Node| {
        matches!(node.text_at(&["kind"]), Some("ResourceList" | "List"))
            && node.get("items").is_some()
            || node.text_at(&["kind"]) == Some("ResourceList")
    };
    if documents.len() == 1 && is_list(&documents[0]) {
        let mut node = documents.remove(0);
        let items = match node.remove("items").map(|items| items.data) {
            Some(Data::List(items)) => items,
            Some(Data::Scalar { .. }) | None => Vec::new(),
            Some(Data::Map(_)) => {
                report.push(
                    Diagnostic::new(
                        &code::NOT_AN_OBJECT,
                        "`items` of the ResourceList is a mapping",
                        "this is a fault of the orchestrator: `items` is a list",
                    )
                    .at(node.place, "in this ResourceList"),
                );
                Vec::new()
            }
        };
        return ResourceList {
            api_version: node
                .text_at(&["apiVersion"])
                .unwrap_or("config.kubernetes.io/v1")
                .to_owned(),
            items,
            function_config: node.remove("functionConfig").filter(|config| !config.is_null()),
        };
    }
    ResourceList {
        api_version: "config.kubernetes.io/v1".to_owned(),
        items: documents,
        function_config: None,
    }
}
