# The KRM function's image: one static binary and nothing else.
#
# `make image` compiles the binary first, so that building the image pulls no base image and needs
# no network. Kept to what Docker's classic builder understands. Several architectures:
# `make dist ARCH=amd64 && make dist ARCH=arm64`, then buildx with --platform.
FROM scratch

# buildx sets it from --platform; the classic builder is told by `make image`.
ARG TARGETARCH

# The binary, and /etc/passwd: orchestrators start functions with `--user nobody`, and docker looks that
# name up in the image. One folder in which everything has the same date, so that the same files give the
# same layer.
COPY dist/linux/${TARGETARCH}/root /

USER 65534:65534
# No arguments: a ResourceList on stdin is answered with a ResourceList on stdout.
ENTRYPOINT ["/anabranch"]

# After the files, so that a new commit does not invalidate their layers.
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="anabranch" \
      org.opencontainers.image.description="Preview environments for every pull request, as a KRM function" \
      org.opencontainers.image.url="https://github.com/anabranch/anabranch" \
      org.opencontainers.image.source="https://github.com/anabranch/anabranch" \
      org.opencontainers.image.documentation="https://github.com/anabranch/anabranch/blob/main/functions/anabranch/README.md" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
