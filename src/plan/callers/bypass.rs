//! Tells which calls bypass the sidecar of their pod: those that annotations exclude from what it captures.
//!
//! The rules have the order of `istio-iptables`: excluded interfaces, ports and addresses, then included ports, then
//! included addresses. See <https://istio.io/latest/docs/reference/config/annotations/>.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Reason;
use crate::kube::Object;
use crate::model::pod_annotations;
use crate::yaml::Node;

const TRAFFIC: &str = "traffic.sidecar.istio.io/";
const MODE: &str = "sidecar.istio.io/interceptionMode";
const CONFIG: &str = "proxy.istio.io/config";

/// The annotations of a pod. Some of them say which calls its sidecar captures.
#[derive(Debug)]
pub(super) struct Bypass<'a> {
    annotations: &'a Node,
}

impl<'a> Bypass<'a> {
    /// The annotations of an object's pods; `None` if they say nothing about captured calls.
    pub(super) fn of(object: &'a Object) -> Option<Self> {
        let annotations = pod_annotations(&object.node)?;
        let says = annotations.entries().iter().any(|(key, value)| {
            key.text.starts_with(TRAFFIC)
                || key.text == MODE
                // Most proxy configurations are about something else.
                || key.text == CONFIG && value.text().is_some_and(|text| text.contains("NONE"))
        });
        says.then_some(Self { annotations })
    }

    /// Why calls of every port bypass the sidecar, if they do.
    pub(super) fn of_all(&self) -> Option<Reason> {
        let of_config = || {
            self.annotations.get(CONFIG).filter(|node| {
                let text = node.text().unwrap_or_default();
                let plain = text.chars().filter(|c| !c.is_whitespace() && !matches!(c, '"' | '\''));
                plain.collect::<String>().contains("interceptionMode:NONE")
            })
        };
        // The annotation takes precedence over the configuration.
        let mode = match self.annotations.get(MODE) {
            Some(mode) => Some(mode).filter(|mode| mode.text() == Some("NONE")),
            None => of_config(),
        };
        let interfaces = self.list("excludeInterfaces").filter(|(_, all)| all.contains(&"eth0"));
        let is_everything = |range: &&str| range.ends_with("/0");
        let excluded = self.list("excludeOutboundIPRanges");
        let excluded = excluded.filter(|(_, ranges)| ranges.iter().any(is_everything));
        let node = mode.or_else(|| Some(interfaces?.0)).or_else(|| Some(excluded?.0))?;
        Some(Reason { place: node.place, depends: false })
    }

    /// Why calls of a port bypass the sidecar, if they do.
    pub(super) fn of_port(&self, port: u16) -> Option<Reason> {
        let has = |ports: &[&str]| ports.iter().any(|one| one.parse() == Ok(port));
        let by = |node: &Node, depends| Some(Reason { place: node.place, depends });
        if let Some(reason) = self.of_all() {
            return Some(reason);
        }
        if let Some((node, ports)) = self.list("excludeOutboundPorts")
            && has(&ports)
        {
            return by(node, false);
        }
        if let Some((node, ranges)) = self.list("excludeOutboundIPRanges")
            && ranges.iter().any(|range| may_hold_services(range))
        {
            return by(node, true);
        }
        let (node, ranges) = self.list("includeOutboundIPRanges")?;
        let is_included = self.list("includeOutboundPorts").is_some_and(|(_, ports)| has(&ports));
        let all = ranges.iter().any(|range| *range == "*" || range.ends_with("/0"));
        if is_included || all { None } else { by(node, !ranges.is_empty()) }
    }

    /// An annotation about captured calls, and the items of its list.
    fn list(&self, name: &str) -> Option<(&'a Node, Vec<&'a str>)> {
        let node = self.annotations.get(&format!("{TRAFFIC}{name}"))?;
        let items = node.text().unwrap_or_default().split(',').map(str::trim);
        Some((node, items.filter(|item| !item.is_empty()).collect()))
    }
}

/// Whether Services may have addresses of a range: a private one, and more than a single address.
fn may_hold_services(range: &str) -> bool {
    let (address, bits) = range.split_once('/').unwrap_or((range, ""));
    let bits: Option<u32> = bits.parse().ok();
    match (address.parse(), bits) {
        (Ok(IpAddr::V4(address)), Some(bits)) if bits < Ipv4Addr::BITS => {
            const PRIVATE: [([u8; 4], u32); 4] = [
                ([10, 0, 0, 0], 8),
                ([172, 16, 0, 0], 12),
                ([192, 168, 0, 0], 16),
                ([100, 64, 0, 0], 10),
            ];
            let meets = |(private, private_bits): &([u8; 4], u32)| {
                let shift = Ipv4Addr::BITS - bits.min(*private_bits);
                let common = |address: u32| u64::from(address) >> shift;
                common(address.to_bits()) == common(u32::from_be_bytes(*private))
            };
            PRIVATE.iter().any(meets)
        }
        (Ok(IpAddr::V6(address)), Some(bits)) if bits < Ipv6Addr::BITS => {
            let shift = Ipv6Addr::BITS - bits.clamp(1, 7);
            address.to_bits() >> shift == (0xfc << 120) >> shift
        }
        (Ok(_), _) => false,
        // A variable of Flux, say.
        (Err(_), _) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn passes(annotations: serde_json::Value, port: u16) -> Option<bool> {
        let node = Node::from_json(json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a", "namespace": "shop"},
            "spec": {"template": {"metadata": {"annotations": annotations}, "spec": {"containers": []}}}
        }));
        let object = Object::from_node(node).expect("an object");
        let bypass = Bypass::of(&object).expect("there are annotations");
        bypass.of_port(port).map(|reason| reason.depends)
    }

    #[test]
    fn a_call_passes_by_what_annotations_say() {
        let traffic =
            |name: &str, value: &str| passes(json!({format!("{TRAFFIC}{name}"): value}), 8080);
        assert_eq!(traffic("excludeOutboundPorts", "3306, 8080"), Some(false));
        assert_eq!(traffic("excludeOutboundPorts", "3306"), None);
        assert_eq!(traffic("excludeOutboundPorts", ""), None);
        assert_eq!(traffic("includeOutboundIPRanges", ""), Some(false));
        assert_eq!(traffic("includeOutboundIPRanges", "*"), None);
        assert_eq!(traffic("includeOutboundIPRanges", "10.96.0.0/12"), Some(true));
        assert_eq!(traffic("excludeOutboundIPRanges", "0.0.0.0/0"), Some(false));
        assert_eq!(traffic("excludeOutboundIPRanges", "10.0.0.0/8"), Some(true));
        assert_eq!(traffic("excludeOutboundIPRanges", "fd00:10::/64"), Some(true));
        assert_eq!(traffic("excludeOutboundIPRanges", "${RANGE}"), Some(true));
        for elsewhere in
            ["169.254.169.254/32", "169.254.0.0/16", "10.1.2.3/32", "8.8.8.0/24", "2600::/12", ""]
        {
            assert_eq!(traffic("excludeOutboundIPRanges", elsewhere), None, "{elsewhere}");
        }
        assert_eq!(traffic("excludeInterfaces", "net1,eth0"), Some(false));
        assert_eq!(traffic("excludeInterfaces", "net1"), None);
    }

    #[test]
    fn included_ports_count_where_addresses_are_left_out_and_not_where_they_are_excluded() {
        let ports = |name: &str, value: &str| {
            let name = format!("{TRAFFIC}{name}");
            passes(json!({name: value, format!("{TRAFFIC}includeOutboundPorts"): "8080"}), 8080)
        };
        assert_eq!(ports("includeOutboundIPRanges", ""), None);
        assert_eq!(ports("excludeOutboundIPRanges", "0.0.0.0/0"), Some(false));
    }

    #[test]
    fn a_sidecar_that_intercepts_nothing_is_passed_by_everything() {
        let (mode, config) = (MODE, CONFIG);
        assert_eq!(passes(json!({mode: "NONE"}), 80), Some(false));
        assert_eq!(passes(json!({mode: "TPROXY"}), 80), None);
        assert_eq!(passes(json!({config: "interceptionMode: \"NONE\"\n"}), 80), Some(false));
        assert_eq!(passes(json!({config: "interceptionMode: NONE\n", mode: "REDIRECT"}), 80), None);
    }
}
