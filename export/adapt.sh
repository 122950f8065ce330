#!/usr/bin/env bash
# What adapting gains for learners whom a model has never seen. Prints one JSON object.
#   export/adapt.sh CONFIG FILE LEARNERS [SEED...]
# CONFIG trains on the FILE's own parts, $DATA/FILE.train and $DATA/FILE.dev. For each seed, LEARNERS learners are held out of
# them; scored is the second half of their exercises, by the row of unknown learners, and by what their first half says.
set -euo pipefail
config=$1 file=$2 learners=$3
shift 3
seeds=("$@")
[ $# -gt 0 ] || seeds=(1 2 3)
mtl=${MTL:-target/release/mtl} trainer=${MTL_EXPORT:-target/train/mtl-export}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for seed in "${seeds[@]}"; do
    data=$work/$seed part=$work/$seed/$(basename "$file")
    "$trainer" scorer split "$file" --output "$data" --hold-out "$learners" --seed "$seed"
    "$trainer" scorer train "$config" --data "$data" --seed "$seed" --output "$work/runs" >&2
    "$trainer" scorer export "$config" --data "$data" --seed "$seed" --runs "$work/runs" --output "$data/model" >&2
    "$mtl" adapt --model "$data/model" "$part.history" --output "$data/learners"
    "$mtl" score --model "$data/model" "$part.future" >"$data/unknown"
    "$mtl" score --model "$data/model" --learners "$data/learners" "$part.future" >"$data/adapted"
    for row in unknown adapted; do
        "$mtl" eval --predictions "$data/$row" --data "$part.future.key" --alpha 0.7 |
            jq -c --argjson seed "$seed" --arg row "$row" '{seed: $seed, row: $row} + .'
    done
done | jq -s --arg data "$(basename "$file")" --arg config "$(basename "$config")" --argjson learners "$learners" '
    def spread: (add / length) as $mean
        | {mean: $mean, sd: (map(. - $mean | . * .) | add / (length - 1) | sqrt), values: .};
    def scores: . as $of | ["auc", "log_loss"] | map({key: ., value: (. as $score | $of | map(.[$score]) | spread)}) | from_entries;
    map(select(.row == "unknown")) as $unknown | map(select(.row == "adapted")) as $adapted
    | {config: $config, data: $data, learners: $learners, seeds: ($unknown | map(.seed)), words: ($unknown | map(.instances)),
       unknown: ($unknown | scores), adapted: ($adapted | scores),
       gain: ([$unknown, $adapted] | transpose | map({auc: (.[1].auc - .[0].auc), log_loss: (.[1].log_loss - .[0].log_loss)}) | scores)}'
