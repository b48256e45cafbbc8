#!/usr/bin/env bash
# Starts Gitea, which holds the pull requests, with a user `bot`, its token in $RUN/gitea.token, and an
# empty repository bot/shop. up.sh calls it.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
# Gitea does not run as root, and others may not be able to enter the repository's folder. In this
# mount namespace /mnt is the lab's own.
home=/mnt
mount -t tmpfs gitea "$home"
cp "$LAB/bin/gitea" "$home/"
module=$(cd "$here/modules/gitea" && go list -m -f '{{.Dir}}' code.gitea.io/gitea)
mkdir -p "$home/static"
# Not part of the binary without a build of its web pages.
cp -r "$module"/{options,templates,public} "$home/static/"
cat >"$home/app.ini" <<EOM
RUN_MODE = prod
RUN_USER = nobody
WORK_PATH = $home
[server]
HTTP_ADDR = 127.0.0.1
HTTP_PORT = 3000
ROOT_URL = https://gitea.lab.test/
DISABLE_SSH = true
OFFLINE_MODE = true
STATIC_ROOT_PATH = $home/static
[database]
DB_TYPE = sqlite3
PATH = $home/gitea.db
[security]
INSTALL_LOCK = true
SECRET_KEY = lab
PASSWORD_HASH_ALGO = pbkdf2_v1
[log]
LEVEL = warn
[repository]
ROOT = $home/repositories
EOM
chmod -R u+w "$home"
chown -R nobody "$home"
as_nobody() { setpriv --reuid=nobody --regid=nogroup --clear-groups env HOME="$home" TMPDIR="$home" "$@"; }
settings="$home/app.ini"
as_nobody "$home/gitea" web -c "$settings" >"$RUN/gitea.log" 2>&1 &
ready() { (exec 3<>/dev/tcp/127.0.0.1/3000) 2>/dev/null; }
for _ in $(seq 300); do ready && break; sleep 0.2; done
as_nobody "$home/gitea" admin user create -c "$settings" --username bot --password botbot123 \
  --email bot@example.com --admin --must-change-password=false >>"$RUN/gitea.log" 2>&1
as_nobody "$home/gitea" admin user generate-access-token -c "$settings" --username bot \
  --token-name flux --scopes all --raw 2>>"$RUN/gitea.log" >"$RUN/gitea.token.new"
mv "$RUN/gitea.token.new" "$RUN/gitea.token"
