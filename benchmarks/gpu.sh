#!/usr/bin/env bash
# Everything about training that waits for a GPU: checks, then timings at full size: 10 to 20 minutes.
#   bash benchmarks/gpu.sh [output file]
# The printed tables go into docs/benchmarks.md as they are.
set -uo pipefail
cd "$(dirname "$0")/.."
OUT=$(realpath -m "${1:-gpu-benchmarks.txt}")
export PYTHONPATH="$PWD/src:$PWD/tests/support"
# before torch starts, for the deterministic check
export CUBLAS_WORKSPACE_CONFIG=:4096:8

limited() { # a stuck part must not take the time of the others
  echo
  echo "\$ $*"
  timeout "$LIMIT" "$@" || echo "FAILED: exit status $?"
}

{
  python -c "import torch; print(torch.__version__, torch.backends.cudnn.version(), torch.cuda.get_device_name())"
  LIMIT=200 limited python -m pytest -q tests/train/test_gpu.py
  LIMIT=400 limited python -m ricenet check-device --configfile config/config.yaml \
    --out "${OUT%.txt}-device-check.json"
  cd benchmarks
  for precision in bf16 fp32; do
    LIMIT=120 limited python -W ignore train_step.py --device cuda --size 224 --batch-size 1 \
      --precision "$precision" --repeats 5
  done
  LIMIT=60 limited python -W ignore train_step.py --device cuda --size 224 --batch-size 2 \
    --stem-stride 2 --precision bf16 --repeats 5
  LIMIT=90 limited python -W ignore augment.py --device cuda --size 224 --batch-size 4 --repeats 5
  LIMIT=150 limited python -W ignore epoch.py --device cuda --size 224 --samples 8 \
    --stem-stride 1 --repeats 2 --threads 8 --workers 4
  LIMIT=100 limited python -W ignore folds.py --device cuda --models 4 --size 96 --stem-stride 1 \
    --threads 8 --steps 40 --repeats 2
} 2>&1 | tee "$OUT"
