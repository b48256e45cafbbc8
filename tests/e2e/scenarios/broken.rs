//! One broken preview stops no other, and says itself what is wrong with it.

use crate::books::{Books, environment, image};
use crate::lab::{Outcome, PATIENCE, ensure, ready, wait};

/// A preview whose image never becomes ready. It gives up after a few seconds, as its own patch says.
const NEVER_READY: &str = "    - name: pr-81
      services:
        - name: checkout
          image: registry.example.com/books/checkout-never-ready@DIGEST
          patches:
            - patch: '[{op: add, path: /spec/progressDeadlineSeconds, value: 5}]'
              target: {kind: Deployment}
";

/// A preview with a field that the API server does not take.
const REJECTED: &str = "    - name: pr-82
      services:
        - name: checkout
          image: registry.example.com/books/checkout@DIGEST
          patches:
            - patch: '[{op: add, path: /spec/template/spec/containers/0/imagePullPolicy, value: Sometimes}]'
              target: {kind: Deployment}
";

pub(crate) fn run(books: &mut Books) -> Outcome<String> {
    super::clear(books)?;
    for preview in ["pr-80", "pr-83"] {
        books.set(preview, &["checkout", "catalog"])?;
    }
    let digest = image("").split_once('@').map_or(String::new(), |(_, digest)| digest.to_owned());
    let broken = format!("{NEVER_READY}{REJECTED}").replace("DIGEST", &digest);
    books.change(
        "previews.yaml",
        "    - name: pr-83\n",
        &format!("{broken}    - name: pr-83\n"),
    )?;
    books.deliver(&["pr-80", "pr-83"])?;
    let complaint = |preview: &str, wanted: &str| {
        wait(&format!("{preview} to complain"), PATIENCE, || {
            let words =
                ready(&environment(preview)).err().unwrap_or_else(|| "it is ready".to_owned());
            ensure(words.contains("is False") && words.contains(wanted), || words.clone())
                .map(|()| words)
        })
    };
    let never = complaint("pr-81", "Deployment/pr-81/checkout status: 'Failed'")?;
    let rejected = complaint("pr-82", "imagePullPolicy")?;
    // And the next change of another preview is delivered while they are broken.
    books.set("pr-84", &["catalog"])?;
    books.deliver(&["pr-80", "pr-83", "pr-84"])?;
    // A preview that was never applied whole leaves nothing behind either.
    super::clear(books)?;
    let short = |words: &str| words.chars().take(150).collect::<String>().replace('\n', " ");
    Ok(format!(
        "pr-80, pr-83 and a later pr-84 healthy beside two broken ones, which leave nothing behind. {} ... {} ...",
        short(&never),
        short(&rejected)
    ))
}
