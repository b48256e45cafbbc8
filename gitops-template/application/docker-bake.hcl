# A target for each service, of its name: `anabranch affected --format bake` prints those to build.
variable "REGISTRY" {
  default = "ghcr.io/acme" # value: ${registry}
}

variable "TAG" {
  default = "dev"
}

target "service" {
  name       = name
  matrix     = { name = ["frontend", "catalog", "cart", "checkout"] }
  context    = "."
  dockerfile = "services/${name}/Dockerfile"
  tags       = ["${REGISTRY}/${name}:${TAG}"]
}
