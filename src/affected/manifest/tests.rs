//! A table for each reader: files, and what they claim.

use super::*;

/// What the manifests among these files claim: `whose: path`, sorted; and what was not read.
fn claims(files: &[(&str, &str)]) -> (Vec<String>, Vec<String>) {
    let mut sources = Sources::default();
    let mut names: Vec<String> = files.iter().map(|(path, _)| (*path).to_owned()).collect();
    names.sort();
    let is_manifest = |path: &str| READERS.iter().any(|reader| (reader.has)(name_of(path)));
    let manifests: Vec<(&str, FileId)> = files
        .iter()
        .filter(|(path, _)| is_manifest(path))
        .map(|(path, text)| (*path, sources.add(*path, *text)))
        .collect();
    let manifests = Manifests { files: &names, manifests, sources: &sources };
    let claims = read(&manifests);
    let claim = |claim: Claim| {
        let by = match &claim.by {
            By::File(path) => path.clone(),
            By::Service(name) => format!("service {name}"),
        };
        format!("{by}: {}", claim.path)
    };
    let mut texts: Vec<String> = claims.read.into_iter().map(claim).collect();
    texts.sort();
    (texts, claims.unread.into_iter().map(|one| one.message).collect())
}

/// Checks that these files make exactly these claims, and that every manifest was read.
#[track_caller]
fn claim(files: &[(&str, &str)], wanted: &[&str]) {
    let (found, unread) = claims(files);
    assert_eq!(found, wanted);
    assert!(unread.is_empty(), "{unread:?}");
}

const DOCKERFILE: (&str, &str) = ("web/Dockerfile", "FROM node\nCOPY web libs/ui /src/\n");

#[test]
fn a_dockerfile_claims_what_it_copies() {
    let text = "\
# syntax=docker/dockerfile:1
FROM golang AS build
COPY --link --chown=1:1 libs/go/ \\
  # a comment within
  web/main.go /src/
ADD [\"proto/a b.proto\", \"/src\"]
ADD https://example.com/x git@example.com:a/b.git /src
COPY <<END /etc/x
COPY mail /src
END
RUN --mount=type=bind,source=tools,target=/t --mount=type=cache,target=/c make
RUN <<END
COPY mail /src
END
COPY libs/*/LICENSE not/tracked /src/
COPY --from=build /src/mail /mail
";
    claim(
        &[
            ("web/Dockerfile", text),
            ("web/main.go", ""),
            ("libs/go/a.go", ""),
            ("libs/go/LICENSE", ""),
            ("proto/a b.proto", ""),
            ("tools/x", ""),
            ("mail/a", ""),
        ],
        &[
            "web/Dockerfile: libs/go",
            "web/Dockerfile: libs/go/LICENSE",
            "web/Dockerfile: proto/a b.proto",
            "web/Dockerfile: tools",
            "web/Dockerfile: web/main.go",
        ],
    );
}

#[test]
fn the_context_of_a_dockerfile_is_where_its_sources_are_unless_it_is_said() {
    let files = [("web/a", ""), ("libs/ui/a", ""), ("mail/libs/ui/a", ""), DOCKERFILE];
    claim(&files, &["web/Dockerfile: libs/ui", "web/Dockerfile: web"]);
    let own = [("web/a", ""), ("libs/a", ""), ("web/Dockerfile", "FROM x\nCOPY . /src\n")];
    claim(&own, &["web/Dockerfile: web"]);
    for compose in [
        "services: {web: {build: {context: ., dockerfile: web/Dockerfile}}}",
        "services:\n  web:\n    build:\n      context: ../\n      dockerfile: web/Dockerfile\n",
    ] {
        let path =
            if compose.contains("..") { "deploy/docker-compose.yml" } else { "compose.yaml" };
        let [a, b, dockerfile] = own;
        claim(&[a, b, dockerfile, (path, compose)], &["service web: ", "web/Dockerfile: "]);
    }
}

#[test]
fn a_variable_in_a_path_is_named_where_tracked_files_may_be_meant() {
    let text = "FROM x\nARG A\nCOPY libs/${A} /a\nCOPY dist/$A/x /a\n";
    let (found, unread) = claims(&[("Dockerfile", text), ("libs/go/a", "")]);
    assert!(found.is_empty(), "{found:?}");
    assert_eq!(unread.len(), 1, "{unread:?}");
    assert!(unread[0].contains("libs/${A}"), "{unread:?}");
}

#[test]
fn what_an_ignore_file_leaves_out_is_not_copied() {
    let files = ["Dockerfile", "docs/a", "docs/b.md", "libs/node_modules/x", "keep/x.md", "a.md"];
    let mut sources = Sources::default();
    let texts = [
        ("Dockerfile", "FROM x\nCOPY . /\n"),
        (".dockerignore", "# words\n/docs/\n**/node_modules\n**/*.md\n!keep\n"),
    ];
    let manifests: Vec<_> =
        texts.iter().map(|(path, text)| (*path, sources.add(*path, *text))).collect();
    let mut files: Vec<String> = files.iter().map(|&file| file.to_owned()).collect();
    files.sort();
    let manifests = Manifests { files: &files, manifests, sources: &sources };
    let found = read(&manifests).read;
    let ignored = found[0].ignored.as_ref().expect("there is an ignore file");
    let left: Vec<&String> = files.iter().filter(|file| !ignored.has(file)).collect();
    assert_eq!(left, ["Dockerfile", "keep/x.md"]);
}

#[test]
fn compose_files_claim_further_contexts() {
    let build = "services:\n  web:\n    build:\n      context: ./web\n      additional_contexts:\n";
    let map = format!("{build}        ui: ../libs/ui\n        base: docker-image://x\n");
    let list = format!("{build}        - ui=libs/ui\n");
    claim(&[("web/compose.yaml", &map.replace("./web", "."))], &["web/Dockerfile: libs/ui"]);
    claim(&[("compose.prod.yml", &list)], &["web/Dockerfile: libs/ui"]);
    let inline =
        "services: {web: {build: {dockerfile_inline: FROM x, additional_contexts: [a=b]}}}";
    let (found, unread) = claims(&[("compose.yaml", inline)]);
    assert_eq!((found, unread.len()), (vec!["service web: b".to_owned()], 1));
    claim(&[("compose.yaml", "services: {web: {build: 'https://github.com/a/b.git'}}")], &[]);
    let other = "services: {web: {build: {context: ., dockerfile: docker/prod}}}";
    let (_, unread) = claims(&[("compose.yaml", other), ("docker/prod", "FROM x\nCOPY . /\n")]);
    assert!(unread.len() == 1 && unread[0].contains("`docker/prod`"), "{unread:?}");
}

#[test]
fn skaffold_claims_what_artifacts_depend_on() {
    let text = "\
apiVersion: skaffold/v4beta11
kind: Config
build:
  artifacts:
  - image: ghcr.io/shop/web
    context: .
    docker: {dockerfile: web/Dockerfile}
    requires: [{image: base}]
  - {image: base, context: images/base}
  - image: ghcr.io/shop/mail:v1
    context: mail
    custom: {dependencies: {paths: ['../libs/**/*.go', go.mod]}}
profiles:
- name: dev
  build: {artifacts: [{image: till, context: till, docker: {dockerfile: Dev.Dockerfile}}]}
";
    claim(
        &[
            ("skaffold.yaml", text),
            ("web/Dockerfile", "FROM x\nCOPY web /\n"),
            ("till/Dev.Dockerfile", "FROM x\nCOPY a /\n"),
            ("till/a", ""),
            ("a", ""),
        ],
        &[
            "service mail: libs",
            "service mail: mail/go.mod",
            "service till: till/a",
            "service web: web",
            "till/Dev.Dockerfile: till/a",
            "web/Dockerfile: images/base",
            "web/Dockerfile: web",
        ],
    );
}

#[test]
fn cargo_claims_crates_by_path_and_by_workspace() {
    let web = "\
[dependencies]
money = {path = \"../libs/money\", version = \"1\"}
log.workspace = true
serde = \"1\"
[dev-dependencies.proof]
path = \"proof\"
[target.'cfg(unix)'.build-dependencies]
gen = {path = \"../gen\"}
";
    let root = "[workspace]\nmembers = [\"web\"]\n[workspace.dependencies]\nlog = {path = \"libs/log\"}\n\
                [patch.crates-io]\nserde = {path = \"vendor/serde\"}\n";
    claim(
        &[("Cargo.toml", root), ("web/Cargo.toml", web)],
        &[
            "Cargo.toml: vendor/serde/Cargo.toml",
            "web/Cargo.toml: gen/Cargo.toml",
            "web/Cargo.toml: libs/log/Cargo.toml",
            "web/Cargo.toml: libs/money/Cargo.toml",
            "web/Cargo.toml: vendor/serde/Cargo.toml",
            "web/Cargo.toml: web/proof/Cargo.toml",
        ],
    );
}

#[test]
fn npm_claims_folders_and_members_of_workspaces() {
    let web = r#"{"name": "web", "dependencies": {"ui": "^1.0.0", "@shop/api": "workspace:*", "x": "file:../x",
        "react": "18", "alias": "workspace:ui@*", "old": "npm:ui@1", "tar": "file:../x.tgz"},
        "devDependencies": {"lint": "link:../tools/lint", "apart": "1", "bare": "../bare"},
        "overrides": {"deep": "file:../deep", "ui": "2", "react": {"x": "1"}}}"#;
    let files = [
        ("apps/web/package.json", web),
        ("packages/ui/package.json", r#"{"name": "ui"}"#),
        ("packages/api/package.json", r#"{"name": "@shop/api"}"#),
        ("apart/package.json", r#"{"name": "apart"}"#),
    ];
    let wanted = [
        "apps/web/package.json: apps/bare/package.json",
        "apps/web/package.json: apps/deep/package.json",
        "apps/web/package.json: apps/tools/lint/package.json",
        "apps/web/package.json: apps/x/package.json",
        "apps/web/package.json: packages/api/package.json",
        "apps/web/package.json: packages/ui/package.json",
        "apps/web/package.json: packages/ui/package.json",
    ];
    for root in [
        ("package.json", r#"{"workspaces": ["apps/*", "packages/*"]}"#),
        ("package.json", r#"{"workspaces": {"packages": ["apps/*", "packages/**", "!**/apart"]}}"#),
        ("pnpm-workspace.yaml", "packages:\n  - apps/*\n  - './packages/*'\n"),
    ] {
        let mut files = files.to_vec();
        files.push(root);
        claim(&files, &wanted);
    }
}

#[test]
fn go_claims_replaced_modules_and_those_of_a_workspace() {
    let web = "\
module example.com/web

go 1.24

require (
\texample.com/log v1.0.0 // indirect
\texample.com/away v1.0.0
)
replace example.com/money v1.2.3 => ../libs/money
replace (
\t\"example.com/other\" => ./other
\texample.com/away => example.com/fork v1.0.0
)
";
    claim(
        &[
            ("web/go.mod", web),
            ("libs/log/go.mod", "module example.com/log\n"),
            ("libs/fork/go.mod", "module example.com/fork\n"),
            (
                "go.work",
                "go 1.24\nuse (\n\t./web\n\t./libs/log\n)\nreplace example.com/away => ./libs/fork\n",
            ),
        ],
        &[
            "go.work: libs/fork/go.mod",
            "go.work: libs/log/go.mod",
            "go.work: web/go.mod",
            "web/go.mod: libs/fork/go.mod",
            "web/go.mod: libs/log/go.mod",
            "web/go.mod: libs/money/go.mod",
            "web/go.mod: web/other/go.mod",
        ],
    );
    // Without a go.work a version is taken from elsewhere.
    let required = ("web/go.mod", "require example.com/log v1\n");
    claim(&[required, ("log/go.mod", "module example.com/log\n")], &[]);
}

#[test]
fn maven_claims_modules_parents_and_projects_beside_it() {
    let project = |inner: &str| {
        format!("<project xmlns=\"http://maven.apache.org/POM/4.0.0\">{inner}</project>")
    };
    let root = project(
        "<groupId>g</groupId><artifactId>root</artifactId>\
         <modules><module>web</module><module>money/pom.xml</module></modules>",
    );
    let web = project(
        "<parent><groupId>g</groupId><artifactId>root</artifactId></parent><artifactId>web</artifactId>\
         <dependencies><dependency><groupId>${project.groupId}</groupId><artifactId>money</artifactId></dependency>\
         <dependency><groupId>org</groupId><artifactId>money</artifactId></dependency></dependencies>\
         <build><plugins><plugin><groupId>g</groupId><artifactId>gen</artifactId></plugin></plugins></build>",
    );
    let money = project(
        "<parent><groupId>g</groupId><artifactId>p</artifactId><relativePath>../build</relativePath></parent>\
         <artifactId>money</artifactId>",
    );
    claim(
        &[
            ("pom.xml", &root),
            ("web/pom.xml", &web),
            ("money/pom.xml", &money),
            ("build/pom.xml", &project("")),
            ("gen/pom.xml", &project("<groupId>g</groupId><artifactId>gen</artifactId>")),
            ("far/pom.xml", &project("<parent><relativePath/></parent>")),
        ],
        &[
            "money/pom.xml: build/pom.xml",
            "pom.xml: money/pom.xml",
            "pom.xml: web/pom.xml",
            "web/pom.xml: gen/pom.xml",
            "web/pom.xml: money/pom.xml",
            "web/pom.xml: pom.xml",
        ],
    );
}

#[test]
fn dotnet_claims_projects_that_are_referred_to() {
    let text = "\u{feff}<Project Sdk=\"Microsoft.NET.Sdk\">\r\n<Import Project=\"..\\build\\a.props\" />\
                <ItemGroup><ProjectReference Include=\"..\\Lib\\Lib.csproj; ../Log/Log.fsproj\" /></ItemGroup></Project>";
    claim(
        &[("Web/Web.csproj", text)],
        &[
            "Web/Web.csproj: Lib/Lib.csproj",
            "Web/Web.csproj: Log/Log.fsproj",
            "Web/Web.csproj: build/a.props",
        ],
    );
    let variable = "<Project><ProjectReference Include=\"$(Root)/Lib.csproj\"/></Project>";
    let (found, unread) = claims(&[("Web.vbproj", variable)]);
    assert_eq!((found.len(), unread.len()), (0, 1));
}

#[test]
fn python_claims_sources_of_uv_and_poetry() {
    let uv = "[project]\nname = \"web\"\n[tool.uv.sources]\nshop-log = {workspace = true}\n\
              money = [{path = \"../libs/money\", marker = \"x\"}, {url = \"y\"}]\nwheel = {path = \"../a.whl\"}\n";
    let poetry = "[tool.poetry]\nname = \"mail\"\n[tool.poetry.dependencies]\npython = \"^3\"\n\
                  money = {path = \"../libs/money\", develop = true}\n\
                  [tool.poetry.group.dev.dependencies]\nlint = {path = \"../lint\"}\n";
    claim(
        &[
            ("web/pyproject.toml", uv),
            ("mail/pyproject.toml", poetry),
            ("libs/money/pyproject.toml", ""),
            ("libs/log/pyproject.toml", "[project]\nname = \"Shop_Log\"\n"),
        ],
        &[
            "mail/pyproject.toml: libs/money/pyproject.toml",
            "mail/pyproject.toml: lint",
            "web/pyproject.toml: a.whl",
            "web/pyproject.toml: libs/log/pyproject.toml",
            "web/pyproject.toml: libs/money/pyproject.toml",
        ],
    );
    let root = "[tool.uv.workspace]\nmembers = [\"*\"]\n[tool.uv.sources]\nshop-log = {workspace = true}\n\
                money = {path = \"libs/money\"}\nown = {path = \"libs/own\"}\n";
    let member = "[project]\nname = \"web\"\ndependencies = [\"shop_log>=1\", \"own\"]\n\
                  [project.optional-dependencies]\npay = [\"Money[x]\"]\n[tool.uv.sources]\nown = {url = \"y\"}\n";
    claim(
        &[
            ("pyproject.toml", root),
            ("web/pyproject.toml", member),
            ("libs/log/pyproject.toml", "[project]\nname = \"Shop_Log\"\n"),
        ],
        &[
            "pyproject.toml: libs/log/pyproject.toml",
            "pyproject.toml: libs/money",
            "pyproject.toml: libs/own",
            "web/pyproject.toml: libs/log/pyproject.toml",
            "web/pyproject.toml: libs/money/pyproject.toml",
        ],
    );
}

#[test]
fn a_manifest_that_cannot_be_read_is_named() {
    for (path, text) in [
        ("package.json", "{"),
        ("compose.yaml", "a: [\n"),
        ("skaffold.yaml", "\t- x\n"),
        ("Cargo.toml", "[a\n"),
        ("pyproject.toml", "= 1\n"),
        ("pom.xml", "<project>"),
        ("Web.csproj", "<!DOCTYPE x [<!ENTITY a \"b\">]><Project>&a;</Project>"),
    ] {
        let (found, unread) = claims(&[(path, text)]);
        assert!(found.is_empty(), "{path}: {found:?}");
        assert!(unread.iter().any(|message| message.starts_with(path)), "{path}: {unread:?}");
    }
}
