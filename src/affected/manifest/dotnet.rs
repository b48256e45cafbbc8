//! Project files of .NET: references to other projects.
//! See <https://learn.microsoft.com/visualstudio/msbuild/common-msbuild-project-items>.

use super::{Claims, Manifests};

pub(super) fn has(name: &str) -> bool {
    [".csproj", ".fsproj", ".vbproj"].iter().any(|ending| name.ends_with(ending))
}

pub(super) fn read(manifests: &Manifests<'_>, claims: &mut Claims) {
    for manifest in manifests.named(has) {
        let text = manifest.text.trim_start_matches('\u{feff}');
        let document = match roxmltree::Document::parse(text) {
            Ok(document) => document,
            Err(error) => {
                claims.broken(&manifest, &error.to_string());
                continue;
            }
        };
        let shift = manifest.text.len() - text.len();
        let is_reference = |name: &str| matches!(name, "ProjectReference" | "Import");
        for node in document.descendants().filter(|node| is_reference(node.tag_name().name())) {
            let attribute = if node.tag_name().name() == "Import" { "Project" } else { "Include" };
            let Some(path) = node.attribute(attribute) else { continue };
            let place = manifest.place(node.range().start + shift, node.range().end + shift);
            for path in path.split(';').map(|path| path.trim().replace('\\', "/")) {
                if attribute == "Project" {
                    claims.add(&manifest, "imports", &path, place);
                } else {
                    claims.add_package(&manifest, "refers to", &path, place);
                }
            }
        }
    }
}
