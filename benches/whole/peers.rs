//! The same objects from tools that people use today, as far as their work can be compared.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use super::measure::{Run, measure};
use super::{ANABRANCH, Result, fixture, fixture_of, objects_in, render};

/// Previews whose objects, 44 each, are 5,000 and a few.
const PREVIEWS: usize = 114;

/// Where `make bench` installs the peers.
fn tool(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    root.join(".tools/bench").join(name).display().to_string()
}

/// Tools that write the objects of many previews: each beside anabranch.
pub(crate) fn writers(text: &mut String, folder: &Path) -> Result<()> {
    let arguments = fixture_of(folder, PREVIEWS, &[])?;
    let output = folder.join("peers.yaml");
    let own = measure(11, &output, &render(ANABRANCH, &arguments))?;
    let stream = fs::read_to_string(&output)?;
    let objects = objects_in(&stream);
    let first = one_preview(&stream);
    writeln!(
        text,
        "## Beside other tools\n\n{objects} objects of {PREVIEWS} previews. anabranch reads the baseline and `previews.yaml` and \
         decides what each preview copies and routes. The others are handed those decisions: kustomize gets the finished objects \
         and changes nothing; Helm and flux-operator get the objects of one preview as a template and put names into it.\n\n\
         | tool | time | times anabranch's | memory |\n|---|---:|---:|---:|\n\
         | `anabranch render` | {} | 1 | {} |",
        own.ms(),
        super::measure::mb(own.memory)
    )?;
    let peers: [(&str, Vec<String>); 3] = [
        ("`kustomize build`", kustomize(&folder.join("kustomize"), &stream)?),
        ("`helm template`", helm(&folder.join("helm"), &first)?),
        (
            "`flux-operator build resourceset`",
            flux_operator(&folder.join("flux-operator"), &first)?,
        ),
    ];
    for (name, command) in peers {
        let command: Vec<&str> = command.iter().map(String::as_str).collect();
        let written = folder.join("peer.yaml");
        let cost = measure(1, &written, &command)?;
        let theirs = objects_in(&fs::read_to_string(&written)?);
        if theirs + 10 < objects {
            return Err(format!("{name} wrote {theirs} objects of {objects}").into());
        }
        writeln!(
            text,
            "| {name} | {} | {:.0} | {} |",
            cost.ms(),
            cost.times(own),
            super::measure::mb(cost.memory)
        )?;
    }
    text.push('\n');
    Ok(())
}

/// The documents of the stream's first preview.
fn one_preview(stream: &str) -> String {
    let own = stream.split("---\n").filter(|one| one.contains("anabranch.dev/preview: pr-0\n"));
    own.collect::<Vec<_>>().join("---\n")
}

fn kustomize(folder: &Path, stream: &str) -> Result<Vec<String>> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join("all.yaml"), stream)?;
    fs::write(
        folder.join("kustomization.yaml"),
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [all.yaml]\n",
    )?;
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join(".tools/bin/kustomize");
    Ok([program, PathBuf::from("build"), folder.to_owned()].map(|p| p.display().to_string()).into())
}

fn helm(folder: &Path, preview: &str) -> Result<Vec<String>> {
    fs::create_dir_all(folder.join("templates"))?;
    fs::write(folder.join("Chart.yaml"), "apiVersion: v2\nname: previews\nversion: 1.0.0\n")?;
    let names: Vec<String> = (0..PREVIEWS).map(|number| format!("pr-{number}")).collect();
    fs::write(folder.join("values.yaml"), format!("previews: [{}]\n", names.join(", ")))?;
    let template = preview.replace("pr-0", "{{ . }}");
    fs::write(
        folder.join("templates/previews.yaml"),
        format!("{{{{- range .Values.previews }}}}\n---\n{template}{{{{- end }}}}\n"),
    )?;
    Ok([tool("helm"), "template".into(), "x".into(), folder.display().to_string()].into())
}

fn flux_operator(folder: &Path, preview: &str) -> Result<Vec<String>> {
    fs::create_dir_all(folder)?;
    let inputs: String = (0..PREVIEWS).map(|number| format!("  - name: pr-{number}\n")).collect();
    let template: String = preview
        .replace("pr-0", "<< inputs.name >>")
        .lines()
        .map(|line| format!("    {line}\n"))
        .collect();
    let file = folder.join("resourceset.yaml");
    fs::write(
        &file,
        format!(
            "apiVersion: fluxcd.controlplane.io/v1\nkind: ResourceSet\nmetadata:\n  name: previews\n  namespace: flux-system\n\
             spec:\n  inputs:\n{inputs}  resourcesTemplate: |\n    ---\n{template}"
        ),
    )?;
    let words = ["build", "resourceset", "-f"].map(str::to_owned);
    Ok([tool("flux-operator")]
        .into_iter()
        .chain(words)
        .chain([file.display().to_string()])
        .collect())
}

/// Items passed through, beside a function in Go that does nothing else.
pub(crate) fn function(text: &mut String, folder: &Path) -> Result<()> {
    const ITEMS: usize = 2_000;
    let list = folder.join("list.yaml");
    fs::write(&list, fixture::resource_list(ITEMS))?;
    let output = folder.join("answer.yaml");
    let of = |command| Run { command, input: &list, output: &output };
    let own = of(&[ANABRANCH]).measure(11)?;
    let program = tool("passthrough");
    let theirs = of(&[&program]).measure(5)?;
    writeln!(
        text,
        "## The function\n\n{ITEMS} items that pass through, no previews: {}; a function in Go on kyaml that gives back what it \
         gets: {}, {:.0} times as long.\n",
        own.ms(),
        theirs.ms(),
        theirs.times(own)
    )?;
    Ok(())
}
