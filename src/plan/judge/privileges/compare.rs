//! Compares two bodies of an object by the rules of [`table`](super::table).

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{OwnDomains, PolicyLabels, annotations, injected};
use crate::kube::meta;
use crate::model::pod_spec;
use crate::yaml::{Data, Node, by_key};

/// What a patch may change in a value. Every other difference is reported.
#[derive(Debug)]
pub(super) enum Rule {
    /// Everything.
    Any,
    /// Nothing.
    Nothing,
    /// Text, except what an injector replaces by a secret.
    Text,
    /// What this rule allows, and to remove the value.
    Removable(&'static Rule),
    /// A boolean may become the value that `restricts`. `default` is its value while it is absent.
    Flag { restricts: bool, default: bool },
    /// The value may become one of these, or be removed.
    OneOf(&'static [&'static str]),
    /// A user or group may become one other than root, if it was absent or root.
    NotRoot,
    /// A seccomp or AppArmor profile may become the runtime's default, unless the old one confines more.
    Profile,
    /// A field of a container's security context, by this rule. If it is absent, the pod's value counts.
    DefaultsToPod(&'static str, &'static Rule),
    /// Quantities of resources that every node has. Those of devices have a slash in their names.
    Quantities,
    /// A limit may become lower, or be added. No limit is written as 0, or not at all.
    Ceiling,
    /// Steps that change labels of series: those that only drop some series may be added.
    Relabelings,
    /// A list of words: some may be added.
    AddOnly,
    /// Fields of a mapping, each by its rule. `*` stands for all fields that are not listed.
    Fields(&'static [(&'static str, Rule)]),
    /// The spec of a Service: these fields, and all that no copy keeps.
    Service(&'static [(&'static str, Rule)]),
    /// Items of a list, matched by the value of this key.
    Items(&'static str, &'static Rule),
    /// Items of a list, matched by their whole values.
    Set(&'static Rule),
    /// Items of a list, matched by their index.
    Sequence(&'static Rule),
    /// Containers, matched by name. One that is added or removed is reported as a whole.
    Containers(&'static Rule),
    /// An item of `volumeMounts`. A volume without content from elsewhere may be mounted anywhere.
    Mount,
    /// A pod spec: these fields, and the service account, which has two fields.
    Pod(&'static [(&'static str, Rule)]),
    /// Labels, except those that a controller reads or a policy selects by. Those that no copy keeps may change, unless
    /// `all` are kept.
    Labels { all: bool },
    /// Annotations, except those that a controller reads. `all` as for labels.
    Annotations { all: bool },
}

/// A step from a node to one below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step<'n> {
    /// To the value of a key.
    Key(&'n str),
    /// To an item of a list by its key, the value of the key, and its index among items with the same value.
    Item(&'static str, &'n str, usize),
    /// To the item with this index.
    Index(usize),
}

/// A difference to report.
#[derive(Debug)]
pub(crate) struct Change<'n> {
    pub(crate) path: Vec<Step<'n>>,
    /// The value before the patches; `None` if it was absent.
    pub(crate) old: Option<&'n Node>,
    /// The value after the patches; `None` if it is absent.
    pub(crate) new: Option<&'n Node>,
}

/// The value at a path. The path ends at the list if an item has no key: its index differs from body to body.
pub(crate) fn find<'n>(node: &'n Node, path: &[Step<'_>]) -> Option<&'n Node> {
    let mut value = node;
    for step in path {
        value = match *step {
            Step::Key(key) => value.get(key)?,
            Step::Item(key, text, nth) => {
                let is_it = |item: &&Node| item.text_at(&[key]).unwrap_or_default() == text;
                value.items().iter().filter(is_it).nth(nth)?
            }
            Step::Index(_) => return Some(value),
        };
    }
    Some(value)
}

/// A comparison in progress.
pub(super) struct Comparison<'n, 'l> {
    labels: &'l PolicyLabels<'l>,
    own: &'l OwnDomains<'l>,
    /// The volumes of the pod after the patches.
    volumes: &'n [Node],
    /// The names of those without content from elsewhere.
    plain_volumes: OnceCell<BTreeSet<&'n str>>,
    /// The security context of the pod, before and after.
    pod_security: [Value<'n>; 2],
    /// The path to the values that are compared.
    path: Vec<Step<'n>>,
    pub(super) changes: Vec<Change<'n>>,
}

/// A value; `None` if it is absent.
type Value<'n> = Option<&'n Node>;

impl<'n, 'l> Comparison<'n, 'l> {
    pub(super) fn new(
        labels: &'l PolicyLabels<'l>,
        own: &'l OwnDomains<'l>,
        before: &'n Node,
        after: &'n Node,
    ) -> Self {
        let pod_security = [before, after].map(|body| pod_spec(body)?.get("securityContext"));
        let volumes = pod_spec(after).and_then(|pod| pod.get("volumes"));
        Self {
            labels,
            own,
            volumes: volumes.map(Node::items).unwrap_or_default(),
            plain_volumes: OnceCell::new(),
            pod_security,
            path: Vec::new(),
            changes: Vec::new(),
        }
    }

    /// Reports the differences that a rule does not allow.
    pub(super) fn compare(&mut self, rule: &'static Rule, old: Value<'n>, new: Value<'n>) {
        let (old, new) = (present(old), present(new));
        if old == new {
            return;
        }
        match rule {
            Rule::Any => {}
            Rule::Nothing => self.report_parts(old, new),
            Rule::Text => {
                if new.and_then(Node::text).and_then(injected::replaced).is_some() {
                    self.report(old, new);
                }
            }
            Rule::Removable(_) if new.is_none() => {}
            Rule::Removable(rule) => self.compare(rule, old, new),
            Rule::Flag { restricts, default } => self.flag(*restricts, *default, old, new),
            Rule::OneOf(words) => {
                if new.is_some_and(|new| !new.text().is_some_and(|text| words.contains(&text))) {
                    self.report_parts(old, new);
                }
            }
            Rule::NotRoot => self.not_root(old, new),
            Rule::Profile => self.profile(old, new),
            Rule::DefaultsToPod(key, rule) => {
                let [of_old, of_new] = self.pod_security.map(|pod| pod?.get(key));
                self.compare(rule, old.or(of_old), new.or(of_new));
            }
            Rule::Ceiling => self.ceiling(old, new),
            Rule::Relabelings => self.relabelings(old, new),
            Rule::AddOnly => self.more(old, new),
            Rule::Set(rule) => self.set(rule, old, new),
            Rule::Sequence(rule) => self.sequence(rule, old, new),
            Rule::Items(key, rule) => self.items(key, rule, false, [old, new]),
            Rule::Containers(rule) => self.items("name", rule, true, [old, new]),
            Rule::Mount => self.mount(old, new),
            Rule::Pod(fields) => {
                self.account(old, new);
                self.fields(old, new, &|key| field(fields, key));
            }
            Rule::Fields(fields) => self.fields(old, new, &|key| field(fields, key)),
            Rule::Service(fields) => {
                self.fields(old, new, &|key| match meta::keeps_service_field(key) {
                    true => field(fields, key),
                    false => &Rule::Any,
                })
            }
            Rule::Quantities => self.fields(old, new, &|key| match key.contains('/') {
                true => &Rule::Removable(&Rule::Nothing),
                false => &Rule::Any,
            }),
            Rule::Labels { all } => self.labels(*all, old, new),
            Rule::Annotations { all } => self.annotations(*all, old, new),
        }
    }

    fn report(&mut self, old: Value<'n>, new: Value<'n>) {
        self.changes.push(Change { path: self.path.clone(), old, new });
    }

    /// Compares what is below a step.
    fn below(&mut self, step: Step<'n>, rule: &'static Rule, old: Value<'n>, new: Value<'n>) {
        self.path.push(step);
        self.compare(rule, old, new);
        self.path.pop();
    }

    /// Reports the smallest parts that differ.
    fn report_parts(&mut self, old: Value<'n>, new: Value<'n>) {
        match (old, new) {
            (Some(Node { data: Data::Map(_), .. }), Some(Node { data: Data::Map(_), .. })) => {
                self.fields(old, new, &|_| &Rule::Nothing);
            }
            (Some(Node { data: Data::List(_), .. }), Some(Node { data: Data::List(_), .. })) => {
                let reported = self.changes.len();
                self.set(&Rule::Nothing, old, new);
                if self.changes.len() == reported {
                    // The items are the same, in another order.
                    self.report(old, new);
                }
            }
            _ => self.report(old, new),
        }
    }

    fn fields(&mut self, old: Value<'n>, new: Value<'n>, rule: &dyn Fn(&str) -> &'static Rule) {
        let is_map = |value: Value<'_>| value.is_none_or(|node| matches!(node.data, Data::Map(_)));
        if !is_map(old) || !is_map(new) {
            return self.report(old, new);
        }
        let [old, new] = [old, new].map(|value| value.map(Node::entries).unwrap_or_default());
        // The usual case: the keys stay the same.
        if old.len() == new.len() && old.iter().zip(new).all(|((a, _), (b, _))| a.text == b.text) {
            for ((key, before), (_, after)) in old.iter().zip(new) {
                let key = key.text.as_str();
                self.below(Step::Key(key), rule(key), Some(before), Some(after));
            }
            return;
        }
        let mut before = by_key(old);
        for (key, value) in new {
            let key = key.text.as_str();
            let old = before.remove(key);
            self.below(Step::Key(key), rule(key), old, Some(value));
        }
        for (key, value) in before {
            self.below(Step::Key(key), rule(key), Some(value), None);
        }
    }

    /// The items of two lists; none for an absent list. If one value is no list, the difference is reported.
    fn lists(&mut self, old: Value<'n>, new: Value<'n>) -> Option<[&'n [Node]; 2]> {
        let is_list =
            |value: Value<'_>| value.is_none_or(|node| matches!(node.data, Data::List(_)));
        if !is_list(old) || !is_list(new) {
            self.report(old, new);
            return None;
        }
        Some([old, new].map(|value| value.map(Node::items).unwrap_or_default()))
    }

    fn items(
        &mut self,
        key: &'static str,
        rule: &'static Rule,
        are_containers: bool,
        [old, new]: [Value<'n>; 2],
    ) {
        let Some([old, new]) = self.lists(old, new) else { return };
        let value = |item: &'n Node| item.text_at(&[key]).unwrap_or_default();
        // Several items may have the same value of the key.
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
            let old = before.get_mut(value(item)).and_then(VecDeque::pop_front);
            if old.is_none() && are_containers {
                self.path.push(step);
                self.report(None, Some(item));
                self.path.pop();
            }
            self.below(step, rule, old.map(|(_, item)| item), Some(item));
        }
        for (nth, item) in before.into_values().flatten() {
            // A container that is removed is one difference, whatever it contains.
            let rule = if are_containers { &Rule::Nothing } else { rule };
            self.below(Step::Item(key, value(item), nth), rule, Some(item), None);
        }
    }

    fn set(&mut self, rule: &'static Rule, old: Value<'n>, new: Value<'n>) {
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

    fn sequence(&mut self, rule: &'static Rule, old: Value<'n>, new: Value<'n>) {
        let Some([old, new]) = self.lists(old, new) else { return };
        for index in 0..old.len().max(new.len()) {
            self.below(Step::Index(index), rule, old.get(index), new.get(index));
        }
    }

    fn more(&mut self, old: Value<'n>, new: Value<'n>) {
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

    fn flag(&mut self, restricts: bool, default: bool, old: Value<'n>, new: Value<'n>) {
        let (was, is) = (old.and_then(truth), new.and_then(truth));
        let allowed = match new {
            None => default == restricts || was != Some(restricts),
            Some(_) => is == Some(restricts) || is.is_some() && is == was,
        };
        if !allowed {
            self.report(old, new);
        }
    }

    fn not_root(&mut self, old: Value<'n>, new: Value<'n>) {
        let number = |value: Value<'_>| value.and_then(Node::integer_value);
        let was_free = old.is_none() || number(old) == Some(0);
        if !was_free || new.is_some() && number(new).is_none_or(|id| id <= 0) {
            self.report(old, new);
        }
    }

    fn ceiling(&mut self, old: Value<'n>, new: Value<'n>) {
        let number = |value: Value<'_>| value.map_or(Some(0), Node::integer_value);
        let allowed = match (number(old), number(new)) {
            (Some(0), _) => true,
            (Some(old), Some(new)) => new > 0 && new <= old,
            // A size with a unit.
            _ => false,
        };
        if !allowed {
            self.report(old, new);
        }
    }

    /// Compares steps, whose order counts, and reports them as a whole.
    fn relabelings(&mut self, old: Value<'n>, new: Value<'n>) {
        let items = |value: Value<'n>| value.map(Node::items).unwrap_or_default();
        let drops = |step: &Node| {
            let action = step.text_at(&["action"]).unwrap_or_default();
            ["drop", "keep"].iter().any(|word| action.eq_ignore_ascii_case(word))
        };
        let mut before = items(old).iter().peekable();
        for step in items(new) {
            if before.next_if_eq(&step).is_none() && !drops(step) {
                return self.report(old, new);
            }
        }
        if before.next().is_some() {
            self.report(old, new);
        }
    }

    fn profile(&mut self, old: Value<'n>, new: Value<'n>) {
        let kind = |value: Value<'n>| value.and_then(|profile| profile.text_at(&["type"]));
        let allowed = match (kind(old), kind(new)) {
            (None | Some("Unconfined" | "RuntimeDefault"), Some("RuntimeDefault")) => true,
            (None | Some("Unconfined"), None) => new.is_none_or(|new| new.entries().is_empty()),
            _ => false,
        };
        if !allowed {
            self.report_parts(old, new);
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

    fn mount(&mut self, old: Value<'n>, new: Value<'n>) {
        static FIELDS: &[(&str, Rule)] =
            &[("readOnly", Rule::Flag { restricts: true, default: false })];
        static PLAIN: &[(&str, Rule)] =
            &[("mountPropagation", Rule::OneOf(&["None"])), ("*", Rule::Any)];
        let Some(mount) = new else { return };
        let is_plain =
            mount.text_at(&["name"]).is_some_and(|name| self.plain_volumes().contains(name));
        match (is_plain, old) {
            (true, _) => self.fields(old, new, &|key| field(PLAIN, key)),
            (false, None) => self.report(old, new),
            (false, Some(_)) => self.fields(old, new, &|key| field(FIELDS, key)),
        }
    }

    /// Compares `serviceAccountName`, or the older `serviceAccount` if that is empty.
    fn account(&mut self, old: Value<'n>, new: Value<'n>) {
        let account = |value: Value<'n>| {
            ["serviceAccountName", "serviceAccount"].into_iter().find_map(|key| {
                let node = value?.get(key)?;
                node.text().filter(|name| !name.is_empty()).map(|name| (key, name, node))
            })
        };
        let (old, new) = (account(old), account(new));
        let name = |value: Option<(_, &'n str, _)>| value.map_or("default", |(_, name, _)| name);
        if name(old) != name(new) {
            let key = new.or(old).map_or("serviceAccountName", |(key, _, _)| key);
            self.path.push(Step::Key(key));
            self.report(old.map(|(_, _, node)| node), new.map(|(_, _, node)| node));
            self.path.pop();
        }
    }

    fn labels(&mut self, all: bool, old: Value<'n>, new: Value<'n>) {
        let (selecting, own) = (self.labels, self.own);
        self.fields(old, new, &|key| {
            let is_kept = all || meta::keeps_label(key);
            let is_read = || selecting.contains_key(key) || annotations::is_read_label(key, own);
            if is_kept && is_read() { &Rule::Nothing } else { &Rule::Any }
        });
    }

    fn annotations(&mut self, all: bool, old: Value<'n>, new: Value<'n>) {
        let text = |value: Value<'n>, key: &str| {
            value.and_then(|value| value.text_at(&[key])).unwrap_or_default()
        };
        let own = self.own;
        self.fields(old, new, &|key| {
            let values = [text(old, key), text(new, key)];
            let is_kept = all || meta::keeps_annotation(key);
            if is_kept && annotations::is_read(key, &values, own) {
                &Rule::Nothing
            } else {
                &Rule::Any
            }
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

/// A null counts as absent, as it does for the API server.
fn present(value: Value<'_>) -> Value<'_> {
    value.filter(|node| !node.is_null())
}

/// Whether a volume has no content from elsewhere: it is empty, or filled from what every pod of the namespace may read.
fn is_plain(volume: &Node) -> bool {
    let sources =
        volume.entries().iter().filter(|(key, value)| key.text != "name" && !value.is_null());
    let mut sources = sources.map(|(key, _)| key.text.as_str()).peekable();
    sources.peek().is_some()
        && sources.all(|key| matches!(key, "emptyDir" | "configMap" | "downwardAPI"))
}
