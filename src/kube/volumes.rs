//! What a copy gets for each type of volume.
//! See <https://kubernetes.io/docs/concepts/storage/volumes/>.

/// What a copy gets for a volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Every pod has one of its own.
    PerPod,
    /// Every pod has a claim of its own, made from a template.
    Template,
    /// It refers to objects, which are copied.
    Follows,
    /// A claim: refused, or replaced by an emptyDir.
    Claim,
    /// A CSI driver makes it: one for every pod if it is one of [`PER_POD_DRIVERS`], otherwise it counts as shared.
    Driver,
    /// The same storage as the original. Named in a warning if the copy may write to it.
    Shared,
    /// A disk that only pods of one node can have. Always named in a warning.
    Disk,
}

/// All types, in order.
pub(crate) static VOLUMES: &[(&str, Fate)] = &[
    ("awsElasticBlockStore", Fate::Disk),
    ("azureDisk", Fate::Disk),
    ("azureFile", Fate::Shared),
    ("cephfs", Fate::Shared),
    ("cinder", Fate::Disk),
    ("configMap", Fate::Follows),
    ("csi", Fate::Driver),
    ("downwardAPI", Fate::PerPod),
    ("emptyDir", Fate::PerPod),
    ("ephemeral", Fate::Template),
    ("fc", Fate::Shared),
    ("flexVolume", Fate::Shared),
    ("flocker", Fate::Shared),
    ("gcePersistentDisk", Fate::Disk),
    ("gitRepo", Fate::PerPod),
    ("glusterfs", Fate::Shared),
    ("hostPath", Fate::Shared),
    ("image", Fate::PerPod),
    ("iscsi", Fate::Shared),
    ("nfs", Fate::Shared),
    ("persistentVolumeClaim", Fate::Claim),
    ("photonPersistentDisk", Fate::Disk),
    ("portworxVolume", Fate::Shared),
    ("projected", Fate::Follows),
    ("quobyte", Fate::Shared),
    ("rbd", Fate::Shared),
    ("scaleIO", Fate::Disk),
    ("secret", Fate::Follows),
    ("storageos", Fate::Disk),
    ("vsphereVolume", Fate::Disk),
];

/// CSI drivers that make a volume for each pod, from nothing that others could write.
pub(crate) const PER_POD_DRIVERS: [&str; 9] = [
    "container-image.csi.k8s.io",
    "csi.cert-manager.io",
    "csi.sharedresource.openshift.io",
    "csi.spiffe.io",
    "hostpath.csi.k8s.io",
    "image.csi.k8s.io",
    "pmem-csi.intel.com",
    "secrets-store.csi.k8s.io",
    "spiffe.csi.cert-manager.io",
];

/// What a copy gets for a type of volume. Unknown types may be shared.
pub(crate) fn fate(of: &str) -> Fate {
    let known = VOLUMES.binary_search_by(|(name, _)| (*name).cmp(of));
    known.map_or(Fate::Shared, |at| VOLUMES[at].1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kube::Volume;

    #[test]
    fn every_type_that_kubernetes_knows_has_a_fate() {
        // A field that a newer version adds does not compile before it stands here.
        let Volume {
            aws_elastic_block_store: _,
            azure_disk: _,
            azure_file: _,
            cephfs: _,
            cinder: _,
            config_map: _,
            csi: _,
            downward_api: _,
            empty_dir: _,
            ephemeral: _,
            fc: _,
            flex_volume: _,
            flocker: _,
            gce_persistent_disk: _,
            git_repo: _,
            glusterfs: _,
            host_path: _,
            image: _,
            iscsi: _,
            name: _,
            nfs: _,
            persistent_volume_claim: _,
            photon_persistent_disk: _,
            portworx_volume: _,
            projected: _,
            quobyte: _,
            rbd: _,
            scale_io: _,
            secret: _,
            storageos: _,
            vsphere_volume: _,
        } = Volume::default();
        assert_eq!(VOLUMES.len(), 30);
        assert!(VOLUMES.is_sorted_by(|a, b| a.0 < b.0));
    }
}
