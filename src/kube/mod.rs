//! Kubernetes objects: the ones that are carried along unopened, and the ones anabranch invents.
