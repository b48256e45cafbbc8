//! Decides which containers of a workload get the images that a preview gives to its service.

use std::collections::{BTreeMap, BTreeSet};

use smallvec::SmallVec;

use super::{Target, variables};
use crate::diagnostic::{Diagnostic, Refused, Report, code, first_of, some_of};
use crate::kube::{has_registry, repository};
use crate::model::{Container, DEFAULT_CONTAINER, Workload};
use crate::ordered::ordered;
use crate::plan::few::Few;
use crate::spec::{Config, ServiceChange};

/// The images that one service gives to a workload.
#[derive(Debug, Clone)]
pub(in crate::plan) struct Images<'a> {
    /// Names of containers with their images, sorted.
    pub(super) by_container: Few<(&'a str, &'a str)>,
    /// The main container, which gets the variables.
    pub(super) main: Option<&'a str>,
}

/// Decides the images of each workload of a service; none if something is wrong. `changed` keeps the image of each
/// container, by the number of the workload, to find services that disagree.
pub(in crate::plan) fn decide<'a>(
    config: &'a Config,
    target: &Target<'a>,
    changed: &mut BTreeMap<(usize, &'a str), &'a str>,
    report: &mut Report,
) -> SmallVec<[Images<'a>; 1]> {
    let Some(all) = report.keep(plan_images(config, target)) else {
        return SmallVec::new();
    };
    check_images(config, target, &all, report);
    variables::check(config, target, &all, report);
    let workloads = target.workloads.iter().map(|workload| workload.object);
    for (workload, images) in workloads.zip(&all) {
        for &(container, image) in images.by_container.iter() {
            let earlier = changed.insert((workload.number, container), image);
            if earlier.is_some_and(|earlier| earlier != image) {
                report.push(config.finding(
                    &code::AMBIGUOUS_CONTAINER,
                    target.path(),
                    format!(
                        "two services of the preview give `{container}` of {} an image",
                        workload.id
                    ),
                    "keep the image in one of the two; both Services run the same pods",
                ));
            }
        }
    }
    all
}

/// Warns of a copy without changes, and of an image without a registry, which means Docker Hub.
fn check_images(config: &Config, target: &Target<'_>, all: &[Images<'_>], report: &mut Report) {
    let ServiceChange { env, patches, replicas, .. } = target.change;
    let mut changes = !env.is_empty() || !patches.is_empty() || *replicas != 1;
    for (workload, images) in target.workloads.iter().zip(all) {
        for &(name, image) in images.by_container.iter() {
            let before = workload.containers.iter().find(|container| container.name == name);
            let Some(before) = before.filter(|before| before.image != image) else { continue };
            changes = true;
            if has_registry(before.image) && !has_registry(image) {
                let mut finding = config.finding(
                    &code::IMAGE_REGISTRY,
                    format!("{}.image", target.path()),
                    format!(
                        "an image names no registry, and so is Docker Hub's; the baseline runs `{}`",
                        before.image
                    ),
                    "write the whole name of the image, its registry included",
                );
                let meant = meant(image, before.repository);
                finding.label = format!("`{image}`: did you mean `{meant}`?");
                report.push(finding);
            }
        }
    }
    if !changes && !target.workloads.is_empty() {
        report.push(config.finding(
            &code::UNCHANGED_COPY,
            format!("{}.name", target.path()),
            format!(
                "the copy of `{}` is the baseline's: the entry changes nothing",
                target.change.name
            ),
            "give it the image of the pull request, or remove the entry",
        ));
    }
}

/// The image that was probably meant by one without a registry. The text may be only a tag, or only a name.
fn meant(image: &str, repository_before: &str) -> String {
    let (registry, name) = repository_before.split_once('/').unwrap_or_default();
    let last = name.rsplit('/').next().unwrap_or(name);
    match (repository(image), image.contains([':', '@', '/'])) {
        (name, _) if name == last => format!("{repository_before}{}", &image[name.len()..]),
        (_, false) => format!("{repository_before}:{image}"),
        _ => format!("{registry}/{image}"),
    }
}

/// The images of each workload of a service.
fn plan_images<'a>(
    config: &Config,
    target: &Target<'a>,
) -> Result<SmallVec<[Images<'a>; 1]>, Refused> {
    let change = target.change;
    check_names(config, target)?;
    let mut all = SmallVec::new();
    let mut repositories = BTreeSet::new();
    let workloads = change.workloads.iter();
    let by_workload = ordered(workloads.map(|one| (one.name.as_str(), one.image.as_str())));
    let containers = change.containers.iter();
    let by_container = ordered(containers.map(|one| (one.name.as_str(), one.image.as_str())));
    for workload in &target.workloads {
        let image = by_workload.get(workload.name()).copied().unwrap_or(&change.image);
        let main = main_of(workload, image, &by_container);
        let is_unclear =
            !image.is_empty() && main.first.is_none() || !change.env.is_empty() && !main.is_certain;
        if is_unclear {
            return Err(unclear_main(config, target, workload, &main).into());
        }
        if let Some(main) = main.first.filter(|_| !image.is_empty()) {
            repositories.insert(main.repository);
        }
        all.push(images_of(workload, image, &by_container, &main));
    }
    if change.workloads.is_empty() && repositories.len() > 1 {
        return Err(ambiguous(
            config,
            target,
            "image",
            format!("`{}` has several workloads of different images", change.name),
            format!("say `workloads: [{{name, image}}]`; they are: {}", listing(&target.workloads)),
        )
        .into());
    }
    Ok(all)
}

/// The finding that no container of a workload is certain to be the main one.
fn unclear_main(
    config: &Config,
    target: &Target<'_>,
    workload: &Workload<'_>,
    main: &Main<'_>,
) -> Diagnostic {
    let change = target.change;
    let field = if change.image.is_empty() { "env" } else { "image" };
    let could_be = match main.first {
        None => {
            let regular = workload.containers.iter().filter(|container| !container.init);
            format!("{} containers", regular.count())
        }
        Some(_) => format!("{} containers of this image", main.candidates),
    };
    let message = format!("`{}` has {could_be} that could be meant", change.name);
    let they_are = listing(&target.workloads);
    let mut help = format!("say `containers: [{{name, image}}]`; they are: {they_are}");
    if let Some(why) = unhelpful_annotation(workload) {
        help.push_str(&format!("; {why}"));
    }
    ambiguous(config, target, field, message, help)
}

/// The finding that a field of the change does not name one container or workload.
fn ambiguous(
    config: &Config,
    target: &Target<'_>,
    field: &str,
    message: String,
    help: String,
) -> Diagnostic {
    let field = format!("{}.{field}", target.path());
    config.finding(&code::AMBIGUOUS_CONTAINER, field, message, help)
}

/// Checks that the containers and workloads that a change names exist.
fn check_names(config: &Config, target: &Target<'_>) -> Result<(), Refused> {
    let change = target.change;
    if !change.containers.is_empty() {
        let containers = target.workloads.iter().flat_map(|workload| &workload.containers);
        let names: BTreeSet<&str> = containers.map(|container| container.name).collect();
        for (index, wanted) in change.containers.iter().enumerate() {
            if !names.contains(wanted.name.as_str()) {
                return Err(ambiguous(
                    config,
                    target,
                    &format!("containers[{index}].name"),
                    format!("`{}` has no container `{}`", change.name, wanted.name),
                    format!("the containers are: {}", listing(&target.workloads)),
                )
                .into());
            }
        }
    }
    if change.workloads.is_empty() {
        return Ok(());
    }
    let names: BTreeSet<&str> = target.workloads.iter().map(|workload| workload.name()).collect();
    for (index, wanted) in change.workloads.iter().enumerate() {
        if !names.contains(wanted.name.as_str()) {
            let names = target.workloads.iter().map(|workload| workload.name());
            return Err(ambiguous(
                config,
                target,
                &format!("workloads[{index}].name"),
                format!("`{}` has no workload `{}`", change.name, wanted.name),
                format!("its workloads are: {}", some_of(names)),
            )
            .into());
        }
    }
    Ok(())
}

/// Decides the images of one workload.
fn images_of<'a>(
    workload: &'a Workload<'a>,
    image: &'a str,
    wanted: &BTreeMap<&'a str, &'a str>,
    main: &Main<'a>,
) -> Images<'a> {
    let containers = workload.containers.as_slice();
    let mut by_container: Few<(&str, &str)> = containers
        .iter()
        .filter_map(|container| Some((container.name, *wanted.get(container.name)?)))
        .collect();
    if let (Some(main), false) = (main.first, image.is_empty()) {
        let same = containers.iter().filter(|c| c.repository == main.repository);
        same.for_each(|container| by_container.push((container.name, image)));
    }
    by_container.sort_unstable();
    Images { by_container, main: main.first.map(|main| main.name) }
}

/// The main container of a workload.
struct Main<'a> {
    /// The main container, or the first of several that could be.
    first: Option<&'a Container<'a>>,
    /// Whether it is the only one that could be, or the annotation names it.
    is_certain: bool,
    /// How many containers match.
    candidates: usize,
}

/// Finds the main container: the only one; else the one with the repository of the image, or, without an image, the one
/// that the change names. If none or several match, the annotation of the pods decides.
fn main_of<'a>(
    workload: &'a Workload<'a>,
    image: &str,
    wanted: &BTreeMap<&'a str, &'a str>,
) -> Main<'a> {
    let regular = || workload.containers.iter().filter(|c| !c.init);
    let is_only = regular().nth(1).is_none();
    let of_repository = repository(image);
    let of_image = |c: &&Container<'_>| c.repository == of_repository;
    let is_candidate = |c: &&Container<'_>| match image {
        _ if is_only => true,
        "" => wanted.contains_key(c.name),
        _ => of_image(c),
    };
    let is_default = |c: &&Container<'_>| workload.default_container == Some(c.name);
    let candidates = regular().filter(is_candidate).count();
    let of_init = !image.is_empty() && workload.containers.iter().any(|c| of_image(&c));
    let first = match candidates {
        0 => regular().find(is_default).filter(|_| !of_init),
        1 => regular().find(is_candidate),
        _ => {
            let mut named = regular().filter(is_candidate).filter(is_default);
            named.next().or_else(|| regular().find(is_candidate))
        }
    };
    let is_certain = first.is_some_and(|first| candidates < 2 || is_default(&first));
    Main { first, is_certain, candidates }
}

/// Why the annotation for the main container of a workload does not help, where there is one.
fn unhelpful_annotation(workload: &Workload<'_>) -> Option<String> {
    let Some(name) = workload.default_container else {
        let above = workload.object.annotation(DEFAULT_CONTAINER)?;
        return Some(format!(
            "{DEFAULT_CONTAINER} says `{above}` on {} itself: it counts on the pod template",
            workload.object.id
        ));
    };
    match workload.containers.iter().find(|container| container.name == name) {
        None => Some(format!("{DEFAULT_CONTAINER} names `{name}`, which is none of them")),
        Some(container) if container.init => {
            Some(format!("{DEFAULT_CONTAINER} names `{name}`, an init container"))
        }
        Some(_) => None,
    }
}

/// The containers of some workloads with their images, as text.
fn listing(workloads: &[&Workload<'_>]) -> String {
    let one = |workload: &&Workload<'_>| {
        let names = workload.containers.iter().map(|c| format!("{} ({})", c.name, c.image));
        format!("{}: {}", workload.name(), some_of(names))
    };
    first_of(20, "; ", workloads.iter().map(one))
}
