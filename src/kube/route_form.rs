//! How each API writes its routes, for code that changes routes of any API.

use super::RouteApi;
use crate::yaml::Node;

/// How an API writes rules, backends and changes of headers. A change of headers is a mapping with the lists `set`,
/// `add` and `remove`.
pub(crate) trait RouteForm: Sync {
    /// The rules of a route.
    fn rules<'n>(&self, route: &'n mut Node) -> &'n mut [Node];

    /// The backends of a rule.
    fn backends<'n>(&self, rule: &'n mut Node) -> &'n mut [Node];

    /// The changes of request headers in a rule or a backend itself.
    fn request_changes<'n>(&self, node: &'n mut Node) -> Vec<&'n mut Node>;

    /// The changes of response headers in a rule or a backend itself.
    fn response_changes<'n>(&self, node: &'n mut Node) -> Vec<&'n mut Node>;

    /// Removes the changes of request headers from a rule or a backend if they are empty.
    fn drop_empty_changes(&self, node: &mut Node);

    /// The headers in a list of a change. Those in `set` and `add` have values.
    fn headers<'n>(&self, list: &'n Node) -> Vec<(&'n str, Option<&'n Node>)>;

    /// The values of some headers in `set` or `add`.
    fn values<'n>(&self, list: &'n mut Node, of: &dyn Fn(&str) -> bool) -> Vec<&'n mut Node>;

    /// Keeps some headers in a list of a change.
    fn retain_headers(&self, list: &mut Node, keep: &dyn Fn(&str) -> bool);
}

impl RouteApi {
    /// Removes a header from a list of a change. A list that becomes empty is removed.
    pub(crate) fn drop_header(self, change: &mut Node, list: &str, header: &str) {
        let Some(headers) = change.get_mut(list) else {
            return;
        };
        self.form().retain_headers(headers, &|name| !name.eq_ignore_ascii_case(header));
        if headers.items().is_empty() && headers.entries().is_empty() {
            change.remove(list);
        }
    }

    /// Removes a header from these lists of the changes of request headers in a rule or a backend. What becomes empty
    /// is removed too.
    pub(crate) fn drop_header_changes(self, node: &mut Node, lists: &[&str], header: &str) {
        for change in self.form().request_changes(node) {
            lists.iter().for_each(|list| self.drop_header(change, list, header));
        }
        self.form().drop_empty_changes(node);
    }
}
