//! VirtualServices of the mesh as text.
//!
//! Each has rules of every preview. Rules of previews that affect the same services differ only in names. They are
//! one template, which is filled for each of these previews, between the text before and after all rules.

use super::cache::Parts;
use super::stencil::{Draft, Template};
use super::values::names_of;
use crate::emit::routing::istio;
use crate::plan::routing::istio::HostRules;
use crate::plan::{Environment, Plan};
use crate::yaml::{Node, placeholder, write_document, write_item};

/// The indentation of rules: that of the items of `spec.http`.
const INDENT: usize = 2;

/// The VirtualService with some rules; `None` if it cannot be a template.
pub(super) fn virtual_service(parts: &Parts<'_>, rules: &HostRules<'_>) -> Option<Draft<'static>> {
    let plan = parts.plan;
    let place_of_rules = placeholder::value(0);
    let frame = istio::with_rules(plan, rules, vec![Node::string(&place_of_rules)]);
    let mut around = String::new();
    write_document(&mut around, &frame.node);
    let (before, after) = around.split_once(&format!("{:INDENT$}- {place_of_rules}\n", ""))?;
    let mut text = before.to_owned();
    let mut templates: Vec<Option<Option<Template>>> = Vec::new();
    templates.resize_with(rules.derived.len(), || None);
    for &(index, derived) in &rules.previews {
        let env = &plan.environments[index];
        let values = names_of(env);
        let template = templates[derived].get_or_insert_with(|| {
            Template::cut(&text_of(plan, parts.with_placeholders(index), rules, derived))
        });
        match template.as_ref().filter(|_| parts.can_fill(env)) {
            Some(template) => template.fill(values, 0, &mut text),
            None => text.push_str(&text_of(plan, env, rules, derived)),
        }
    }
    text.push_str(after);
    Some(Draft::written(frame.id, text))
}

/// The rules of a preview as items of a list.
fn text_of(
    plan: &Plan<'_>,
    env: &Environment<'_>,
    rules: &HostRules<'_>,
    derived: usize,
) -> String {
    let made = istio::of_preview(plan, env, rules, derived);
    let mut text = String::new();
    write_item(&mut text, &Node::list(made), INDENT, 0);
    text
}
