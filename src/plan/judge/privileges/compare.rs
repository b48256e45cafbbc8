//! Compares two trees by a rule of the table.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{PolicyLabels, annotations, injected};
use crate::kube::meta;
use crate::model::pod_spec;
use crate::yaml::{Data, Node};

/// What may differ at a place of an object without a word.
#[derive(Debug)]
pub(super) enum Rule {
    /// Everything.
    Any,
    /// Nothing.
    Nothing,
    /// Text, but for what an injector replaces by a secret.
    Text,
    /// What this rule says, and that it is no longer there.
    Less(&'static Rule),
    /// A boolean may become what `restricts`; where it is absent it is as good as the `default`.
    Flag { restricts: bool, default: bool },
    /// A value may become one of these, or go.
    Unless(&'static [&'static str]),
    /// A user or group may become one that is not root, where none is chosen or root is.
    NotRoot,
    /// A seccomp or AppArmor profile may become the runtime's default, where it confines no less.
    Profile,
    /// A field of a container's security context by this rule; where it is absent, the pod's counts.
    OrOfPod(&'static str, &'static Rule),
    /// Quantities of what every node has; not devices, whose names have a slash.
    Quantities,
    /// A list of words to which some may be added.
    More,
    /// Fields of a mapping; `*` is any other.
    Fields(&'static [(&'static str, Rule)]),
    /// The spec of a Service: these fields, and what no copy keeps.
    Service(&'static [(&'static str, Rule)]),
    /// Items of a list that are known by this key.
    Items(&'static str, &'static Rule),
    /// Items of a list that are known by their value.
    Set(&'static Rule),
    /// Items of a list that are known by their index.
    Sequence(&'static Rule),
    /// Containers: a new one is named, and one that goes.
    Containers(&'static Rule),
    /// Where a volume is mounted: one that holds nothing of others may be mounted anywhere.
    Mount,
    /// A pod spec: these fields, and the account, which has two spellings.
    Pod(&'static [(&'static str, Rule)]),
    /// Labels, but for those that someone acts on, or selects by; `all` of them, or those that copies keep.
    Labels { all: bool },
    /// Annotations, but for those that someone acts on; `all` of them, or those that copies keep.
    Annotations { all: bool },
}

/// A step from a node to one below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step<'n> {
    /// The value of a key.
    Key(&'n str),
    /// Of the items with this value of this key, the one of this index.
    Item(&'static str, &'n str, usize),
    /// The item of this index.
    Index(usize),
}

/// A difference that is named.
#[derive(Debug)]
pub(crate) struct Change<'n> {
    /// Where it is.
    pub(crate) path: Vec<Step<'n>>,
    /// What was there before; none where nothing was.
    pub(crate) old: Option<&'n Node>,
    /// What is there now.
    pub(crate) new: Option<&'n Node>,
}

/// The value behind a path, as far as it leads through keys: an item that is known by its value alone
/// is in its list.
pub(crate) fn find<'n>(node: &'n Node, path: &[Step<'_>]) -> Option<&'n Node> {
    let mut found = node;
    for step in path {
        found = match *step {
            Step::Key(key) => found.get(key)?,
            Step::Item(key, value, nth) => {
                let is = |item: &&Node| item.text_at(&[key]).unwrap_or_default() == value;
                found.items().iter().filter(is).nth(nth)?
            }
            Step::Index(_) => return Some(found),
        };
    }
    Some(found)
}

/// A comparison under way.
pub(super) struct Comparison<'n, 'l> {
    labels: &'l PolicyLabels<'l>,
    /// The volumes of the new pod.
    volumes: &'n [Node],
    /// Those of them that hold nothing of others.
    plain_volumes: OnceCell<BTreeSet<&'n str>>,
    /// The security contexts of the pod before and after.
    pod_security: [Side<'n>; 2],
    path: Vec<Step<'n>>,
    pub(super) found: Vec<Change<'n>>,
}

type Side<'n> = Option<&'n Node>;

impl<'n, 'l> Comparison<'n, 'l> {
    pub(super) fn new(labels: &'l PolicyLabels<'l>, before: &'n Node, after: &'n Node) -> Self {
        let pod_security = [before, after].map(|body| pod_spec(body)?.get("securityContext"));
        let volumes = pod_spec(after).and_then(|pod| pod.get("volumes"));
        Self {
            labels,
            volumes: volumes.map(Node::items).unwrap_or_default(),
            plain_volumes: OnceCell::new(),
            pod_security,
            path: Vec::new(),
            found: Vec::new(),
        }
    }

    /// Names what differs although the rule does not allow it.
    pub(super) fn compare(&mut self, rule: &'static Rule, old: Side<'n>, new: Side<'n>) {
        let (old, new) = (present(old), present(new));
        if old == new {
            return;
        }
        match rule {
            Rule::Any => {}
            Rule::Nothing => self.nothing(old, new),
            Rule::Text => {
                if new.and_then(Node::text).is_some_and(injected::is_replaced) {
                    self.name(old, new);
                }
            }
            Rule::Less(_) if new.is_none() => {}
            Rule::Less(rule) => self.compare(rule, old, new),
            Rule::Flag { restricts, default } => self.flag(*restricts, *default, old, new),
            Rule::Unless(words) => {
                if new.is_some_and(|new| !new.text().is_some_and(|text| words.contains(&text))) {
                    self.nothing(old, new);
                }
            }
            Rule::NotRoot => self.not_root(old, new),
            Rule::Profile => self.profile(old, new),
            Rule::OrOfPod(key, rule) => {
                let [of_old, of_new] = self.pod_security.map(|pod| pod?.get(key));
                self.compare(rule, old.or(of_old), new.or(of_new));
            }
            Rule::More => self.more(old, new),
            Rule::Set(rule) => self.set(rule, old, new),
            Rule::Sequence(rule) => self.sequence(rule, old, new),
            Rule::Items(key, rule) => self.items(key, rule, false, old, new),
            Rule::Containers(rule) => self.items("name", rule, true, old, new),
            Rule::Mount => self.mount(old, new),
            Rule::Pod(fields) => {
                self.account(old, new);
                self.fields(old, new, |key| field(fields, key));
            }
            Rule::Fields(fields) => self.fields(old, new, |key| field(fields, key)),
            Rule::Service(fields) => {
                self.fields(old, new, |key| match meta::keeps_service_field(key) {
                    true => field(fields, key),
                    false => &Rule::Any,
                })
            }
            Rule::Quantities => self.fields(old, new, |key| match key.contains('/') {
                true => &Rule::Less(&Rule::Nothing),
                false => &Rule::Any,
            }),
            Rule::Labels { all } => self.labels(*all, old, new),
            Rule::Annotations { all } => self.annotations(*all, old, new),
        }
    }

    fn name(&mut self, old: Side<'n>, new: Side<'n>) {
        self.found.push(Change { path: self.path.clone(), old, new });
    }

    /// Compares what is below a step.
    fn below(&mut self, step: Step<'n>, rule: &'static Rule, old: Side<'n>, new: Side<'n>) {
        self.path.push(step);
        self.compare(rule, old, new);
        self.path.pop();
    }

    /// Names the smallest parts that differ.
    fn nothing(&mut self, old: Side<'n>, new: Side<'n>) {
        match (old, new) {
            (Some(Node { data: Data::Map(_), .. }), Some(Node { data: Data::Map(_), .. })) => {
                self.fields(old, new, |_| &Rule::Nothing);
            }
            (Some(Node { data: Data::List(_), .. }), Some(Node { data: Data::List(_), .. })) => {
                let named = self.found.len();
                self.set(&Rule::Nothing, old, new);
                if self.found.len() == named {
                    // The same items in another order.
                    self.name(old, new);
                }
            }
            _ => self.name(old, new),
        }
    }

    fn fields(&mut self, old: Side<'n>, new: Side<'n>, rule: impl Fn(&str) -> &'static Rule) {
        let is_map = |side: Side<'_>| side.is_none_or(|node| matches!(node.data, Data::Map(_)));
        if !is_map(old) || !is_map(new) {
            return self.name(old, new);
        }
        let [old, new] = [old, new].map(|side| side.map(Node::entries).unwrap_or_default());
        // Mostly the keys stay as they are.
        if old.len() == new.len() && old.iter().zip(new).all(|((a, _), (b, _))| a.text == b.text) {
            for ((key, before), (_, after)) in old.iter().zip(new) {
                let key = key.text.as_str();
                self.below(Step::Key(key), rule(key), Some(before), Some(after));
            }
            return;
        }
        let mut before: BTreeMap<&str, &Node> =
            old.iter().map(|(key, value)| (key.text.as_str(), value)).collect();
        for (key, value) in new {
            let key = key.text.as_str();
            let found = before.remove(key);
            self.below(Step::Key(key), rule(key), found, Some(value));
        }
        for (key, value) in before {
            self.below(Step::Key(key), rule(key), Some(value), None);
        }
    }

    /// The two lists, where both are lists or absent; otherwise the difference is named.
    fn lists(&mut self, old: Side<'n>, new: Side<'n>) -> Option<[&'n [Node]; 2]> {
        let is_list = |side: Side<'_>| side.is_none_or(|node| matches!(node.data, Data::List(_)));
        if !is_list(old) || !is_list(new) {
            self.name(old, new);
            return None;
        }
        Some([old, new].map(|side| side.map(Node::items).unwrap_or_default()))
    }

    fn items(
        &mut self,
        key: &'static str,
        rule: &'static Rule,
        are_containers: bool,
        old: Side<'n>,
        new: Side<'n>,
    ) {
        let Some([old, new]) = self.lists(old, new) else { return };
        let value = |item: &'n Node| item.text_at(&[key]).unwrap_or_default();
        // A list may hold a key twice.
        let mut before: BTreeMap<&str, VecDeque<(usize, &Node)>> = BTreeMap::new();
        for item in old {
            let same = before.entry(value(item)).or_default();
            same.push_back((same.len(), item));
        }
        let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
        for item in new {
            let nth = seen.entry(value(item)).or_default();
            let step = Step::Item(key, value(item), *nth);
            *nth += 1;
            let found = before.get_mut(value(item)).and_then(VecDeque::pop_front);
            if found.is_none() && are_containers {
                self.path.push(step);
                self.name(None, Some(item));
                self.path.pop();
            }
            self.below(step, rule, found.map(|(_, item)| item), Some(item));
        }
        for (nth, item) in before.into_values().flatten() {
            // Whatever a container was for, it is no longer there: one word for all of it.
            let rule = if are_containers { &Rule::Nothing } else { rule };
            self.below(Step::Item(key, value(item), nth), rule, Some(item), None);
        }
    }

    fn set(&mut self, rule: &'static Rule, old: Side<'n>, new: Side<'n>) {
        let Some([old, new]) = self.lists(old, new) else { return };
        let text = |item: &Node| item.to_json().to_string();
        let mut before: BTreeMap<String, VecDeque<usize>> = BTreeMap::new();
        for (index, item) in old.iter().enumerate() {
            before.entry(text(item)).or_default().push_back(index);
        }
        for (index, item) in new.iter().enumerate() {
            if before.get_mut(&text(item)).and_then(VecDeque::pop_front).is_none() {
                self.below(Step::Index(index), rule, None, Some(item));
            }
        }
        let gone: BTreeSet<usize> = before.into_values().flatten().collect();
        for index in gone {
            self.below(Step::Index(index), rule, old.get(index), None);
        }
    }

    fn sequence(&mut self, rule: &'static Rule, old: Side<'n>, new: Side<'n>) {
        let Some([old, new]) = self.lists(old, new) else { return };
        for index in 0..old.len().max(new.len()) {
            self.below(Step::Index(index), rule, old.get(index), new.get(index));
        }
    }

    fn more(&mut self, old: Side<'n>, new: Side<'n>) {
        let Some([old, new]) = self.lists(old, new) else { return };
        let kept: BTreeSet<Option<&str>> = new.iter().map(Node::text).collect();
        if kept.contains(&Some("ALL")) {
            return;
        }
        for (index, word) in old.iter().enumerate() {
            if !kept.contains(&word.text()) {
                self.below(Step::Index(index), &Rule::Nothing, Some(word), None);
            }
        }
    }

    fn flag(&mut self, restricts: bool, default: bool, old: Side<'n>, new: Side<'n>) {
        let (was, is) = (old.and_then(truth), new.and_then(truth));
        let allowed = match new {
            None => default == restricts || was != Some(restricts),
            Some(_) => is == Some(restricts) || is.is_some() && is == was,
        };
        if !allowed {
            self.name(old, new);
        }
    }

    fn not_root(&mut self, old: Side<'n>, new: Side<'n>) {
        let number = |side: Side<'_>| side.and_then(Node::integer_value);
        let was_free = old.is_none() || number(old) == Some(0);
        if !was_free || new.is_some() && number(new).is_none_or(|id| id <= 0) {
            self.name(old, new);
        }
    }

    fn profile(&mut self, old: Side<'n>, new: Side<'n>) {
        let kind = |side: Side<'n>| side.and_then(|profile| profile.text_at(&["type"]));
        let allowed = match (kind(old), kind(new)) {
            (None | Some("Unconfined" | "RuntimeDefault"), Some("RuntimeDefault")) => true,
            (None | Some("Unconfined"), None) => new.is_none_or(|new| new.entries().is_empty()),
            _ => false,
        };
        if !allowed {
            self.nothing(old, new);
        }
    }

    fn plain_volumes(&self) -> &BTreeSet<&'n str> {
        self.plain_volumes.get_or_init(|| {
            let name = |volume: &'n Node| volume.text_at(&["name"]).unwrap_or_default();
            let (plain, others): (Vec<_>, Vec<_>) =
                self.volumes.iter().partition(|one| is_plain(one));
            let mut plain: BTreeSet<&str> = plain.into_iter().map(name).collect();
            for other in others {
                plain.remove(name(other));
            }
            plain
        })
    }

    fn mount(&mut self, old: Side<'n>, new: Side<'n>) {
        static FIELDS: &[(&str, Rule)] =
            &[("readOnly", Rule::Flag { restricts: true, default: false })];
        static PLAIN: &[(&str, Rule)] =
            &[("mountPropagation", Rule::Unless(&["None"])), ("*", Rule::Any)];
        let Some(mount) = new else { return };
        let is_plain =
            mount.text_at(&["name"]).is_some_and(|name| self.plain_volumes().contains(name));
        match (is_plain, old) {
            (true, _) => self.fields(old, new, |key| field(PLAIN, key)),
            (false, None) => self.name(old, new),
            (false, Some(_)) => self.fields(old, new, |key| field(FIELDS, key)),
        }
    }

    /// `serviceAccountName`, or where that is empty the older `serviceAccount`.
    fn account(&mut self, old: Side<'n>, new: Side<'n>) {
        let account = |side: Side<'n>| {
            ["serviceAccountName", "serviceAccount"].into_iter().find_map(|key| {
                let node = side?.get(key)?;
                node.text().filter(|name| !name.is_empty()).map(|name| (key, name, node))
            })
        };
        let (old, new) = (account(old), account(new));
        let name = |side: Option<(_, &'n str, _)>| side.map_or("default", |(_, name, _)| name);
        if name(old) != name(new) {
            let key = new.or(old).map_or("serviceAccountName", |(key, _, _)| key);
            self.path.push(Step::Key(key));
            self.name(old.map(|(_, _, node)| node), new.map(|(_, _, node)| node));
            self.path.pop();
        }
    }

    fn labels(&mut self, all: bool, old: Side<'n>, new: Side<'n>) {
        let selecting = self.labels;
        self.fields(old, new, |key| {
            let is_read = annotations::is_read_label(key) || selecting.contains_key(key);
            let is_kept = all || meta::keeps_label(key);
            if is_read && is_kept { &Rule::Nothing } else { &Rule::Any }
        });
    }

    fn annotations(&mut self, all: bool, old: Side<'n>, new: Side<'n>) {
        let text = |side: Side<'n>, key: &str| {
            side.and_then(|side| side.text_at(&[key])).unwrap_or_default()
        };
        self.fields(old, new, |key| {
            let values = [text(old, key), text(new, key)];
            let is_kept = all || meta::keeps_annotation(key);
            if is_kept && annotations::is_read(key, &values) { &Rule::Nothing } else { &Rule::Any }
        });
    }
}

/// The rule of a field.
fn field(fields: &'static [(&'static str, Rule)], key: &str) -> &'static Rule {
    let named = |wanted: &str| fields.iter().find(|(name, _)| *name == wanted);
    named(key).or_else(|| named("*")).map_or(&Rule::Nothing, |(_, rule)| rule)
}

/// A boolean as kubectl reads it: by YAML 1.1, in which `yes` is true.
fn truth(node: &Node) -> Option<bool> {
    let Data::Scalar { text, plain: true } = &node.data else { return None };
    let is = |words: [&str; 4]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    if is(["true", "yes", "on", "y"]) {
        return Some(true);
    }
    is(["false", "no", "off", "n"]).then_some(false)
}

/// Null is as good as nothing, here and to the API server.
fn present(side: Side<'_>) -> Side<'_> {
    side.filter(|node| !node.is_null())
}

/// Whether a volume holds nothing of others: it is empty, or holds what is public in its namespace.
fn is_plain(volume: &Node) -> bool {
    let sources =
        volume.entries().iter().filter(|(key, value)| key.text != "name" && !value.is_null());
    let mut sources = sources.map(|(key, _)| key.text.as_str()).peekable();
    sources.peek().is_some()
        && sources.all(|key| matches!(key, "emptyDir" | "configMap" | "downwardAPI"))
}
