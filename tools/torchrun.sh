#!/usr/bin/env bash
# One node's part of a training on several machines: ranks that share each batch, started by torchrun.
# Usage: tools/torchrun.sh RECIPE [OPTION...], the same on every node, in one clone on a shared disk or in equal clones.
# NODES (1), NODE (0; JOB_COMPLETION_INDEX in an indexed Kubernetes Job), RANKS (GPUs of this node, or 1), and where
# there are several nodes HEAD, the name of node 0, and PORT (29500).
set -euo pipefail
recipe=${1:?usage: tools/torchrun.sh RECIPE [OPTION...]}
shift
cd "$(dirname "${BASH_SOURCE[0]}")/.."
PATH="$PWD/.venv/bin:$PATH"
nodes=${NODES:-1} node=${NODE:-${JOB_COMPLETION_INDEX:-0}} port=${PORT:-29500}
if [ -z "${RANKS:-}" ]; then
    RANKS=$(nvidia-smi --list-gpus 2>/dev/null | wc -l) || RANKS=0
    [ "$RANKS" -gt 0 ] || RANKS=1
fi
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
# Without this, nodes that start again after one was killed wait for each other for ever.
export TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1
if [ "$nodes" -eq 1 ]; then
    meeting=(--standalone)
else
    meeting=(--master-addr "${HEAD:?HEAD: name node 0, where all nodes meet}" --master-port "$port" --node-rank "$node")
fi
exec torchrun "${meeting[@]}" --nnodes "$nodes" --nproc-per-node "$RANKS" -m pipeline train "$recipe" "$@"
