//! ResourceQuota and LimitRange that anabranch makes. Their spec is the user's own.

use serde::Serialize;

use super::ObjectMeta;
use crate::yaml::Node;

/// A ResourceQuota or a LimitRange.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct QuotaObject {
    /// `v1`.
    pub(crate) api_version: &'static str,
    /// `ResourceQuota` or `LimitRange`.
    pub(crate) kind: &'static str,
    pub(crate) metadata: ObjectMeta,
    pub(crate) spec: Node,
}
