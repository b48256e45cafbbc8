# Gives the lab names and a certificate for them, in the folder where it is called. Source it: it exports where clients find the
# certificate, which is its own authority. up.sh starts the Envoy of front.yaml, which has it.
#
# The mount namespace is the lab's own, so that nobody else sees these names.
names=(gitea registry reports flux.staging shop.staging)
for number in $(seq 20); do names+=("pr-$number.preview"); done
{
  cat /etc/hosts
  printf '127.0.0.1 %s.lab.test\n' "${names[@]}"
} >hosts
mount --bind hosts /etc/hosts
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 2 -subj /CN=lab \
  -addext 'subjectAltName=DNS:*.lab.test,DNS:*.staging.lab.test,DNS:*.preview.lab.test' -keyout names.key -out names.crt 2>/dev/null
# Go, git, curl, Node.
export SSL_CERT_FILE=$PWD/names.crt GIT_SSL_CAINFO=$PWD/names.crt CURL_CA_BUNDLE=$PWD/names.crt \
  NODE_EXTRA_CA_CERTS=$PWD/names.crt
