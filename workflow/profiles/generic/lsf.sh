#!/bin/sh
# LSF for snakemake-executor-plugin-cluster-generic.
# lsf.sh submit THREADS MEM_MB RUNTIME_MIN GPU LOG JOBSCRIPT   prints the job id
# lsf.sh status JOB                                            prints running, success or failed
# lsf.sh JOB...                                               cancels: the plugin gives ids alone
# BSUB_OPTIONS holds what the site wants besides: queue, project.
set -eu
case "$1" in
  submit)
    shift
    threads=$1 mem_mb=$2 runtime=$3 gpu=$4 log=$5 script=$6
    mkdir -p "$(dirname "$log")"
    set -- -n "$threads" -R "span[hosts=1] rusage[mem=${mem_mb}MB]" -M "${mem_mb}MB" -W "$runtime"
    [ "$gpu" -eq 0 ] || set -- "$@" -gpu "num=$gpu"
    # shellcheck disable=SC2086 # several words are meant
    bsub ${BSUB_OPTIONS:-} "$@" -o "$log" sh "$script" | sed -n 's/^Job <\([0-9]*\)>.*/\1/p'
    ;;
  status)
    case "$(bjobs -noheader -o stat "$2" 2> /dev/null)" in
      DONE) echo success ;;
      EXIT | ZOMBI) echo failed ;;
      *) echo running ;; # waiting, suspended, or the scheduler gave no answer this time
    esac
    ;;
  *) bkill "$@" ;;
esac
