#!/usr/bin/env bash
# Starts Gitea, which holds the pull requests, with a user `bot`, its token in $RUN/gitea.token, and an
# empty repository bot/shop. up.sh calls it.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
cd "$RUN"
module=$(cd "$here/modules/gitea" && go list -m -f '{{.Dir}}' code.gitea.io/gitea)
mkdir -p gitea/static
# Not part of the binary without a build of its web pages.
cp -r "$module"/{options,templates,public} gitea/static/
cat >gitea/app.ini <<EOM
RUN_MODE = prod
RUN_USER = nobody
WORK_PATH = $RUN/gitea
[server]
HTTP_ADDR = 127.0.0.1
HTTP_PORT = 3000
ROOT_URL = http://127.0.0.1:3000/
DISABLE_SSH = true
OFFLINE_MODE = true
STATIC_ROOT_PATH = $RUN/gitea/static
[database]
DB_TYPE = sqlite3
PATH = $RUN/gitea/gitea.db
[security]
INSTALL_LOCK = true
SECRET_KEY = lab
PASSWORD_HASH_ALGO = pbkdf2_v1
[log]
LEVEL = warn
[repository]
ROOT = $RUN/gitea/repositories
EOM
# Gitea does not run as root.
chmod -R u+w gitea
chown -R nobody gitea
as_nobody() { setpriv --reuid=nobody --regid=nogroup --clear-groups env HOME="$RUN/gitea" "$@"; }
settings="$RUN/gitea/app.ini"
as_nobody "$LAB/bin/gitea" web -c "$settings" >gitea.log 2>&1 &
ready() { (exec 3<>/dev/tcp/127.0.0.1/3000) 2>/dev/null; }
for _ in $(seq 300); do ready && break; sleep 0.2; done
as_nobody "$LAB/bin/gitea" admin user create -c "$settings" --username bot --password botbot123 \
  --email bot@example.com --admin --must-change-password=false >>gitea.log 2>&1
as_nobody "$LAB/bin/gitea" admin user generate-access-token -c "$settings" --username bot \
  --token-name flux --scopes all --raw 2>>gitea.log >gitea.token.new
mv gitea.token.new gitea.token
