//! Replaces hosts within the rules of a clone: in redirects, CORS policies and response headers.
//!
//! A link from one original host to another becomes one between their preview hosts. A host without a preview host
//! stays.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::applicable::ApplicableRule;
use super::{CloneRule, Pattern, fill};
use crate::kube::RouteApi;
use crate::model::route::gateways::{Gateways, Hit, Listener, listeners};
use crate::model::route::text_matcher::TextMatcher;
use crate::model::route::{Redirect, reader, response_headers};
use crate::ordered::ordered;
use crate::spec::Entry;
use crate::yaml::{Node, write_document};

/// Origins of preview hosts, by the API, the URL of a preview host, and the pattern that they join.
type Joining = BTreeMap<(RouteApi, String, String), Rc<[Pattern]>>;

/// The preview host of each original host of an entry.
#[derive(Debug, Default)]
pub(super) struct PreviewHosts {
    exact: BTreeMap<String, Pattern>,
    /// The preview hosts of wildcards, by the text behind the star.
    wildcard: BTreeMap<String, Pattern>,
    /// Exact hosts of routes that have no preview host.
    others: BTreeSet<String>,
    /// The origins of preview hosts that join patterns. Many rules allow the same.
    joining: RefCell<Joining>,
}

impl PreviewHosts {
    pub(super) fn add(&mut self, host: &str, preview: Pattern) {
        match host.strip_prefix('*') {
            Some(end) => self.wildcard.entry(end.to_owned()).or_insert(preview),
            None => self.exact.entry(host.to_owned()).or_insert(preview),
        };
    }

    /// Adds a host of some route. All hosts that have preview hosts must have been added before.
    pub(super) fn add_other(&mut self, host: String) {
        if !host.contains('*') && self.of(&host).is_none() {
            self.others.insert(host);
        }
    }

    /// The preview host in place of a host: that of the most specific original host that covers it.
    fn of(&self, host: &str) -> Option<&Pattern> {
        let host = host.to_ascii_lowercase();
        let mut ends = (1..host.len()).filter_map(|start| host.get(start..));
        // The wildcard `*` covers hosts of other programs too, so it does not count.
        self.exact.get(&host).or_else(|| ends.find_map(|end| self.wildcard.get(end)))
    }
}

/// How the listener of an entry serves the hosts of previews.
#[derive(Debug, Clone)]
pub(super) struct EntryListener {
    /// Whether clients speak TLS to it.
    pub(super) secure: bool,
    /// Its port, if it is not the default of the scheme.
    port: Option<u16>,
    /// The URL of a host, with `{}` in place of the host.
    pub(super) base: String,
}

impl EntryListener {
    /// Reads the Gateway. If it is not in the input, the name of the listener decides.
    pub(super) fn of(gateways: &Gateways<'_>, entry: &Entry, api: RouteApi) -> Self {
        let gateway = (entry.gateway.namespace.as_str(), entry.gateway.name.as_str());
        let section = entry.gateway.section_name.as_str();
        let sample = entry.host.replace(['{', '}'], "");
        let all = match gateways.find(gateway, api) {
            Hit::Here(object) | Hit::OfOtherApi(object) => {
                listeners(object, &entry.gateway.namespace)
            }
            Hit::Absent => Vec::new(),
        };
        let named = all.iter().filter(|one| one.is_named(section));
        // An Istio server need not have a name, so the others are candidates too.
        let candidates: Vec<&Listener<'_>> = named.chain(&all).collect();
        let is_answering = |one: &&&Listener<'_>| one.reads_http && !one.only_redirects;
        let mut fitting = candidates.iter().filter(|one| one.covers(&sample));
        let answering = fitting.clone().find(is_answering);
        let listener = answering.or_else(|| fitting.next()).or(candidates.first());
        let secure = match listener {
            Some(listener) => listener.secure,
            None => section != "http" && !section.starts_with("http-"),
        };
        let (scheme, usual) = if secure { ("https", 443) } else { ("http", 80) };
        let port = listener.and_then(|listener| listener.port).filter(|port| *port != usual);
        let base = match port {
            Some(port) => format!("{scheme}://{{}}:{port}"),
            None => format!("{scheme}://{{}}"),
        };
        Self { secure, port, base }
    }
}

/// The target of a redirect in a clone.
#[derive(Debug, Clone)]
pub(crate) struct RedirectTarget {
    /// The preview host; `None` if the redirect keeps the host of the request.
    pub(crate) host: Option<Pattern>,
    /// `http` or `https`.
    pub(crate) scheme: &'static str,
    /// The port, if it is not the default of the scheme.
    pub(crate) port: Option<u16>,
}

/// An origin that a CORS policy of a clone allows.
#[derive(Debug, Clone)]
pub(crate) enum CorsOrigin<'a> {
    /// An origin of the original.
    Kept(&'a Node),
    /// The origin of a preview host.
    Preview(Pattern),
}

/// Rewrites links to original hosts in the rules of a route's clones.
#[derive(Debug)]
pub(super) struct Links<'p> {
    pub(super) hosts: &'p PreviewHosts,
    pub(super) listener: EntryListener,
    pub(super) matcher: &'p TextMatcher,
}

impl Links<'_> {
    /// The URL of a preview host, without a path.
    fn url(&self, preview: &Pattern) -> String {
        self.listener.base.replace("{}", &preview.0)
    }

    /// The target of a redirect in a clone; `None` if it is that of the original.
    fn redirect_target(&self, redirect: Redirect<'_>) -> Option<RedirectTarget> {
        let host = match host_of(&redirect) {
            Some(host) => Some(self.hosts.of(host)?.clone()),
            None => None,
        };
        let fields = ["scheme", "port", "derivePort"];
        let names_listener = fields.iter().any(|field| redirect.node.get(field).is_some());
        let scheme = if self.listener.secure { "https" } else { "http" };
        let target = RedirectTarget { host, scheme, port: self.listener.port };
        (target.host.is_some() || names_listener).then_some(target)
    }

    /// The origins that a clone allows; `None` if they are those of the original. An original host is replaced by its
    /// preview host. A pattern stays, and the preview hosts of all original hosts that it covers are added.
    fn allowed_origins<'a>(&self, api: RouteApi, list: &'a Node) -> Option<Vec<CorsOrigin<'a>>> {
        let mut all = Vec::new();
        let mut seen = BTreeSet::new();
        let mut add = |all: &mut Vec<CorsOrigin<'a>>, url: String| {
            if seen.insert(url.clone()) {
                all.push(CorsOrigin::Preview(Pattern(url)));
            }
        };
        for one in list.items() {
            if let Some(exact) = reader(api).exact_origin(one) {
                let host = exact.split_once("://").map_or(exact, |(_, host)| host);
                match self.hosts.of(host.split(':').next().unwrap_or(host)) {
                    Some(preview) => add(&mut all, self.url(preview)),
                    None => all.push(CorsOrigin::Kept(one)),
                }
                continue;
            }
            all.push(CorsOrigin::Kept(one));
            for url in self.joining(api, one).iter() {
                add(&mut all, url.0.clone());
            }
        }
        all.iter().any(|origin| matches!(origin, CorsOrigin::Preview(_))).then_some(all)
    }

    /// The origins of preview hosts that a pattern does not allow although it allows their original hosts.
    fn joining(&self, api: RouteApi, pattern: &Node) -> Rc<[Pattern]> {
        let mut text = String::new();
        write_document(&mut text, pattern);
        let key = (api, self.listener.base.clone(), text);
        let known = self.hosts.joining.borrow().get(&key).cloned();
        if let Some(known) = known {
            let is_counted = self.matcher.comparisons.count(known.len());
            return if is_counted { known } else { Rc::default() };
        }
        let allows = |origin: &str| {
            let is_counted =
                self.matcher.comparisons.count(1 + pattern.text().map_or(0, str::len) / 64);
            is_counted && reader(api).allows_origin(pattern, origin, self.matcher).unwrap_or(false)
        };
        let mut joining = Vec::new();
        for (host, preview) in &self.hosts.exact {
            let mut schemes = ["https://", "http://"].into_iter();
            if schemes.any(|scheme| allows(&format!("{scheme}{host}"))) {
                let url = self.url(preview);
                if !allows(&fill(&url, "preview")) {
                    joining.push(Pattern(url));
                }
            }
        }
        let joining: Rc<[Pattern]> = joining.into();
        self.hosts.joining.borrow_mut().insert(key, Rc::clone(&joining));
        joining
    }

    /// A text with the URLs of original hosts rewritten to their preview hosts; `None` if it has no such URL.
    fn rewritten_urls(&self, text: &str) -> Option<Pattern> {
        let (mut made, mut from) = (String::new(), 0);
        for (at, word) in host_words(text).filter(|(at, _)| text[..*at].ends_with("//")) {
            let Some(preview) = self.hosts.of(word.trim_end_matches('.')) else {
                continue;
            };
            let url = self.url(preview);
            let slashes = at - "//".len();
            let scheme = ["https:", "http:"].into_iter().find(|scheme| {
                let start =
                    slashes.checked_sub(scheme.len()).and_then(|start| text.get(start..slashes));
                start.is_some_and(|start| start.eq_ignore_ascii_case(scheme))
            });
            // With another scheme, or none, only the host and port are replaced.
            let (start, put) = match scheme {
                Some(scheme) => (slashes - scheme.len(), url.as_str()),
                None => (slashes, &url[url.find("//").unwrap_or(0)..]),
            };
            let mut end = at + word.len();
            let port = text[end..].strip_prefix(':').unwrap_or_default();
            let digits = port.find(|c: char| !c.is_ascii_digit()).unwrap_or(port.len());
            if digits > 0 {
                end += 1 + digits;
            }
            made += &text[from..start];
            made += put;
            from = end;
        }
        (from > 0).then(|| Pattern(made + &text[from..]))
    }
}

impl<'a> CloneRule<'a> {
    pub(super) fn new(api: RouteApi, rule: ApplicableRule<'a>, links: &Links<'_>) -> Self {
        let ApplicableRule { node, matches } = rule;
        let reader = reader(api);
        let redirect = reader.redirects(node).into_iter().next();
        let redirect = redirect.and_then(|redirect| links.redirect_target(redirect));
        let origins = reader.origins(node).and_then(|list| links.allowed_origins(api, list));
        let response_values = response_headers(api, node).into_iter().filter_map(|(_, value)| {
            let text = value.text()?;
            Some((text, links.rewritten_urls(text)?))
        });
        let response_values = ordered(response_values);
        Self { api, node, matches, redirect, origins, response_values }
    }

    fn redirect(&self) -> Option<Redirect<'a>> {
        reader(self.api).redirects(self.node).into_iter().next()
    }

    /// Whether its redirect leads to one of these preview hosts without changing the path.
    pub(super) fn redirects_back(&self, hosts: &[(String, Pattern)]) -> bool {
        let host = self.redirect.as_ref().and_then(|target| target.host.as_ref());
        let is_one = || host.is_some_and(|host| hosts.iter().any(|(_, one)| one == host));
        self.redirect().is_some_and(|redirect| !redirect.has_path) && is_one()
    }

    /// A link to a host of another route that has no preview host: its redirect, or a URL in a response header.
    pub(super) fn links_out(&self, preview_hosts: &PreviewHosts) -> Option<(&'a Node, String)> {
        let known = |host: &str| preview_hosts.others.get(&host.to_ascii_lowercase()).cloned();
        let redirect = self.redirect();
        let redirect = redirect.and_then(|one| Some((one.node, known(host_of(&one)?)?)));
        redirect.or_else(|| {
            response_headers(self.api, self.node).into_iter().find_map(|(_, value)| {
                let text = value.text()?;
                let mut hosts = host_words(text).filter(|(at, _)| text[..*at].ends_with("//"));
                Some((value, hosts.find_map(|(_, word)| known(word.trim_end_matches('.')))?))
            })
        })
    }

    /// A response header that names an original host in a way that cannot be rewritten, and that host. It is not part
    /// of a URL, or it is the domain of a cookie that browsers refuse from the preview host.
    pub(super) fn named_in_responses(
        &self,
        preview_hosts: &PreviewHosts,
        hosts: &[(String, Pattern)],
    ) -> Option<(&'a Node, String)> {
        response_headers(self.api, self.node).into_iter().find_map(|(name, value)| {
            let text = value.text()?.to_ascii_lowercase();
            if name.eq_ignore_ascii_case("set-cookie") {
                let domain =
                    text.split(';').find_map(|part| part.trim().strip_prefix("domain="))?;
                let domain = domain.trim_start_matches('.');
                let takes = |host: String| {
                    host.strip_suffix(domain)
                        .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
                };
                let refused = !hosts.iter().all(|(_, host)| takes(host.of("preview")));
                return refused.then(|| (value, domain.to_owned()));
            }
            let known = |at: usize, word: &str| {
                !text[..at].ends_with("//")
                    && preview_hosts.exact.contains_key(word.trim_end_matches('.'))
            };
            let (_, word) = host_words(&text).find(|(at, word)| known(*at, word))?;
            Some((value, word.to_owned()))
        })
    }

    /// Whether it redirects every request.
    pub(super) fn only_redirects(&self) -> bool {
        self.redirect().is_some()
    }
}

/// The words of a text that could be hosts, each with its offset.
fn host_words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut from = 0;
    text.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '.'))).filter_map(
        move |word| {
            let at = from;
            // Words are separated by single characters.
            let behind = text[at + word.len()..].chars().next().map_or(0, char::len_utf8);
            from = at + word.len() + behind;
            (!word.is_empty()).then_some((at, word))
        },
    )
}

/// The host of a redirect, without a port.
fn host_of<'a>(redirect: &Redirect<'a>) -> Option<&'a str> {
    let host = redirect.host.and_then(Node::text);
    host.filter(|host| !host.is_empty()).map(|host| host.split(':').next().unwrap_or(host))
}

/// Whether a redirect changes neither the host nor the path. It is there to change the scheme or the port, so a
/// preview host would redirect to itself without end.
pub(super) fn leads_to_itself(redirect: &Redirect<'_>, host: &str) -> bool {
    !redirect.has_path && host_of(redirect).is_none_or(|to| to.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Counter;
    use serde_json::json;

    fn preview_hosts() -> PreviewHosts {
        let mut preview_hosts = PreviewHosts::default();
        for (host, preview) in [
            ("www.x.com", "{preview}-www.p.com"),
            ("*.x.com", "{preview}-any.p.com"),
            ("*", "{preview}.p.com"),
        ] {
            preview_hosts.add(host, Pattern(preview.to_owned()));
        }
        preview_hosts
    }

    fn matcher() -> TextMatcher {
        TextMatcher::new(Counter::new(usize::MAX))
    }

    fn links<'p>(hosts: &'p PreviewHosts, matcher: &'p TextMatcher) -> Links<'p> {
        let base = "https://{}:8443".to_owned();
        Links { hosts, listener: EntryListener { secure: true, port: Some(8443), base }, matcher }
    }

    #[test]
    fn the_most_specific_original_host_tells_where_a_redirect_leads() {
        let preview_hosts = preview_hosts();
        let of = |host| preview_hosts.of(host).map(|preview| preview.of("pr-1"));
        assert_eq!(of("WWW.x.com").as_deref(), Some("pr-1-www.p.com"));
        assert_eq!(of("api.x.com").as_deref(), Some("pr-1-any.p.com"));
        assert_eq!(of("x.com"), None);
        assert_eq!(of("login.y.com"), None);
    }

    #[test]
    fn origins_of_previews_join_what_covers_their_originals() {
        let hosts = preview_hosts();
        let matcher = matcher();
        let links = links(&hosts, &matcher);
        let said = |list: serde_json::Value| -> Vec<String> {
            let list = Node::from_json(list);
            let all = links.allowed_origins(RouteApi::Istio, &list).unwrap_or_default();
            let one = |origin: &CorsOrigin<'_>| match origin {
                CorsOrigin::Kept(node) => node.to_json().to_string(),
                CorsOrigin::Preview(url) => url.of("pr-1"),
            };
            all.iter().map(one).collect()
        };
        let www = "https://pr-1-www.p.com:8443";
        assert_eq!(said(json!([{"exact": "https://www.x.com:443"}, "http://www.x.com"])), [www]);
        assert_eq!(said(json!(["https://*.x.com"])), ["\"https://*.x.com\"", www]);
        assert_eq!(said(json!([{"prefix": "https://www."}])).last().map(String::as_str), Some(www));
        // Nothing is to be added where everything is allowed, or nothing of ours.
        for list in [
            json!(["*"]),
            json!([{"regex": ".*"}]),
            json!(["https://login.y.com"]),
            json!(["ftp://*"]),
        ] {
            assert!(said(list.clone()).is_empty(), "{list}");
        }
    }

    #[test]
    fn urls_in_headers_of_answers_lead_to_preview_hosts() {
        let hosts = preview_hosts();
        let matcher = matcher();
        let links = links(&hosts, &matcher);
        let rewritten = |text| links.rewritten_urls(text).map(|made| made.of("pr-1"));
        for (text, made) in [
            ("http://www.x.com", "https://pr-1-www.p.com:8443"),
            ("HTTPS://WWW.x.com:443/a?b", "https://pr-1-www.p.com:8443/a?b"),
            ("//www.x.com/a", "//pr-1-www.p.com:8443/a"),
            ("wss://api.x.com 'self'", "wss://pr-1-any.p.com:8443 'self'"),
            ("a http://www.x.com. b", "a https://pr-1-www.p.com:8443 b"),
            (
                "<https://www.x.com>, <https://api.x.com/b>",
                "<https://pr-1-www.p.com:8443>, <https://pr-1-any.p.com:8443/b>",
            ),
        ] {
            assert_eq!(rewritten(text).as_deref(), Some(made), "{text}");
        }
        for text in
            ["www.x.com", "https://login.y.com/", "https://x.com", "*", "https://äwww.x.com", ""]
        {
            assert_eq!(rewritten(text), None, "{text}");
        }
    }
}
