//! anabranch: a compiler from `previews.yaml` and a baseline to preview environments.
