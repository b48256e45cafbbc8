//! Names of images.

/// The repository of an image reference: without tag and digest.
/// See <https://github.com/distribution/reference>.
#[must_use]
pub fn repository(image: &str) -> &str {
    let name = image.split('@').next().unwrap_or(image);
    match name.rfind(':') {
        // A colon before the last slash is the registry's port.
        Some(colon) if !name[colon..].contains('/') => &name[..colon],
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_and_digests_are_not_part_of_a_repository() {
        assert_eq!(repository("ghcr.io/shop/cart:v1@sha256:00"), "ghcr.io/shop/cart");
        assert_eq!(repository("localhost:5000/cart"), "localhost:5000/cart");
        assert_eq!(repository("cart"), "cart");
    }
}
