//! The settings of a container's program: from its environment, and from options of its command line.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::catalog::Catalog;
use crate::diagnostic::Place;
use crate::kube::{CIPHERTEXT, Object};
use crate::yaml::Node;

/// Variables with options of Java's virtual machine: its own, and those of the usual start scripts.
const JAVA_OPTIONS: [&str; 5] =
    ["JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS", "JAVA_OPTS", "CATALINA_OPTS"];

/// One setting of a program.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting<'a> {
    /// The name as written.
    pub(crate) name: &'a str,
    /// The value; `None` if the input does not contain it.
    pub(crate) value: Option<&'a str>,
    /// The place of the value.
    pub(crate) place: Place,
    /// The object with the value; `None` for previews.yaml.
    pub(crate) object: Option<&'a Object>,
}

/// The settings of a program by the name that it looks for. A later setting replaces an earlier one, unless they are
/// items of a list.
#[derive(Debug, Clone, Default)]
pub(crate) struct Settings<'a>(BTreeMap<Cow<'a, str>, Vec<Setting<'a>>>);

impl<'a> Settings<'a> {
    /// The settings of a container of the baseline.
    #[must_use]
    pub(crate) fn of_container(
        catalog: &Catalog<'a>,
        workload: &'a Object,
        container: &'a Node,
    ) -> Self {
        let mut settings = Self::default();
        for source in container.items_at(&["envFrom"]) {
            let map = source.text_at(&["configMapRef", "name"]);
            let home = workload.id.namespace.as_str();
            let map = map.and_then(|name| catalog.get(home, "", "ConfigMap", name));
            let prefix = source.text_at(&["prefix"]).unwrap_or_default();
            for (map, (key, value)) in
                map.into_iter().flat_map(|map| data(map).map(move |e| (map, e)))
            {
                settings.set_prefixed(prefix, Setting::new(&key.text, value, map));
            }
        }
        settings.add_variables(catalog, workload, container);
        let of_java = JAVA_OPTIONS.iter().flat_map(|name| settings.get(name));
        let of_java = of_java.filter_map(|setting| Some((*setting, setting.value?)));
        let of_java: Vec<_> = of_java.collect();
        let arguments =
            ["command", "args"].into_iter().flat_map(|list| container.items_at(&[list]));
        let arguments =
            arguments.filter_map(|one| Some((Setting::new("", one, workload), one.text()?)));
        for (from, text) in of_java.into_iter().chain(arguments) {
            settings.add_options(from, text);
        }
        settings
    }

    /// Adds the variables that an object lists in `env`.
    pub(crate) fn add_variables(
        &mut self,
        catalog: &Catalog<'a>,
        object: &'a Object,
        lists_env: &'a Node,
    ) {
        for variable in lists_env.items_at(&["env"]) {
            let Some(name) = variable.text_at(&["name"]) else { continue };
            let value = variable.get("value").filter(|value| !value.is_null());
            let from = variable.get("valueFrom").filter(|_| value.is_none());
            let setting = match from {
                None => value.map_or(
                    Setting { value: Some(""), ..Setting::new(name, variable, object) },
                    |value| Setting::new(name, value, object),
                ),
                Some(from) => value_from(catalog, object, from, name)
                    .unwrap_or(Setting { value: None, ..Setting::new(name, from, object) }),
            };
            self.set(setting);
        }
    }

    /// Adds the options `-Dname=value` and `--name=value` of a text.
    fn add_options(&mut self, from: Setting<'a>, text: &'a str) {
        for word in text.split_whitespace() {
            let option = word.strip_prefix("-D").or_else(|| word.strip_prefix("--"));
            if let Some((name, value)) = option.and_then(|option| option.split_once('=')) {
                let as_variable = name.to_ascii_uppercase().replace(['.', '-'], "_");
                let setting = Setting { name, value: Some(value), ..from };
                self.set_as(&as_variable, setting);
            }
        }
    }

    /// Adds a setting.
    pub(crate) fn set(&mut self, setting: Setting<'a>) {
        let (key, is_item) = key_of(setting.name);
        let values = self.0.entry(key).or_default();
        if !is_item {
            values.clear();
        }
        values.push(setting);
    }

    fn set_prefixed(&mut self, prefix: &str, setting: Setting<'a>) {
        if prefix.is_empty() {
            return self.set(setting);
        }
        self.set_as(&format!("{prefix}{}", setting.name), setting);
    }

    /// Adds a setting under another name than it is written with.
    fn set_as(&mut self, name: &str, setting: Setting<'a>) {
        let (key, _) = key_of(name);
        self.0.insert(Cow::Owned(key.into_owned()), vec![setting]);
    }

    /// Sets a list, one setting for each item.
    pub(crate) fn set_list(&mut self, key: &'static str, items: Vec<Setting<'a>>) {
        self.0.insert(Cow::Borrowed(key), items);
    }

    /// The values of a name, in the form of [`key_of`].
    #[must_use]
    pub(crate) fn get(&self, key: &str) -> &[Setting<'a>] {
        self.0.get(key).map(Vec::as_slice).unwrap_or_default()
    }

    /// Every name that has a value.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(|key| &**key)
    }
}

impl<'a> Setting<'a> {
    /// A variable that a preview sets.
    #[must_use]
    pub(crate) fn of_preview(name: &'a str, value: &'a str) -> Self {
        Self { name, value: Some(value), place: Place::default(), object: None }
    }

    fn new(name: &'a str, value: &'a Node, object: &'a Object) -> Self {
        // The value is not final if something replaces it later.
        let is_final = |text: &&str| {
            !text.contains("$(") && !text.contains("${") && !text.starts_with(CIPHERTEXT)
        };
        let text = value.text().filter(is_final);
        Self { name, value: text, place: value.place, object: Some(object) }
    }
}

/// The name that a program looks for, and whether it is an item of a list. Spring treats `MANAGEMENT_TRACING_X_Y`,
/// `MANAGEMENT_TRACING_XY` and `management.tracing.x-y` as one name; other programs take names as they are.
fn key_of(name: &str) -> (Cow<'_, str>, bool) {
    let begins = name.get(..10).is_some_and(|begin| begin.eq_ignore_ascii_case("management"));
    if !begins {
        return (Cow::Borrowed(name), false);
    }
    let letters = name.chars().filter(char::is_ascii_alphanumeric);
    let mut key: String = letters.map(|c| c.to_ascii_uppercase()).collect();
    let all = key.len();
    key.truncate(key.trim_end_matches(|c: char| c.is_ascii_digit()).len());
    let is_item = key.len() < all;
    (Cow::Owned(key), is_item)
}

/// The setting of a variable that comes from a key of a ConfigMap.
fn value_from<'a>(
    catalog: &Catalog<'a>,
    object: &Object,
    from: &Node,
    name: &'a str,
) -> Option<Setting<'a>> {
    let reference = from.get("configMapKeyRef")?;
    let map = reference.text_at(&["name"])?;
    let map = catalog.get(&object.id.namespace, "", "ConfigMap", map)?;
    let key = reference.text_at(&["key"])?;
    Some(Setting::new(name, map.node.at(&["data", key])?, map))
}

fn data(map: &Object) -> impl Iterator<Item = &(crate::yaml::Key, Node)> {
    map.node.entries_at(&["data"]).iter()
}
