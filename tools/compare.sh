#!/usr/bin/env bash
# The figures of a small pipeline at commit BASE and here, as Markdown: what a pull request changes, in a minute or two.
# Usage: tools/compare.sh BASE [RECIPE]. Runs in a clone of its own below a temporary folder; of what is here it uses the
# cache of DVC alone.
set -euo pipefail
base=$1 recipe=${2:-painter}
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
PATH="$root/.venv/bin:$PATH"

git clone --quiet "$root" "$scratch/ganvas"
cd "$scratch/ganvas"
git config user.name compare
git config user.email compare@localhost
dvc config --quiet --local cache.dir "$root/.dvc/cache"
git checkout --quiet --detach "$base"
fewer=()
if python -c "import yaml; exit('count' not in yaml.safe_load(open('params.yaml'))['recipes']['$recipe']['data'])"; then
    fewer=(--set-param "recipes.$recipe.data.count=600")
fi
small() {
    dvc exp run --name "$1" "evaluate@$recipe" --set-param "recipes.$recipe.train.budget.steps=60" "${fewer[@]}" \
        --set-param "recipes.$recipe.evaluate.samples=100" >&2
}
small base
git -C "$root" rev-parse HEAD | xargs git checkout --quiet --force --detach
small here
echo "Figures of \`$recipe\` after 60 steps${fewer:+ on 600 pictures}, at the target branch and here:"
echo
dvc metrics diff --md base here
