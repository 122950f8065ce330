#!/usr/bin/env bash
# Trains every peer on the files that the zoo's models are trained on, one after the other on one core, and writes
# docs/results/peers/*.json; what is there already is kept. DATA names the folder that holds the corpora, PYTHON an
# interpreter with requirements.txt, COLUMNS_OF_UDPIPE the settings to train UDPipe with (`upos all`; `all` takes hours).
set -euo pipefail
cd "$(dirname "$0")/../.."
: "${DATA:?set DATA to the folder that holds the corpora}"
python=${PYTHON:-python3}
out=docs/results/peers
mkdir -p "$out"
part=$(mktemp)
trap 'rm -f "$part"' EXIT
export DATA OMP_NUM_THREADS=1

# run NAME SCRIPT ARGUMENT...: a failed run leaves nothing behind.
run() {
  local name=$1 script=$2
  shift 2
  if [ -e "$out/$name.json" ]; then return; fi
  echo "$name" >&2
  "$python" "benches/peers/$script" "$@" >"$part" && cp "$part" "$out/$name.json"
}

uner() { # CODE FOLDER STEM [ARGUMENT...]
  local lang=$1 stem=uner/$2/$3
  shift 3
  run "ner-$lang-crfsuite" crfsuite_ner.py --lang "$lang" \
    --train "$stem-ud-train.iob2:1:2" --dev "$stem-ud-dev.iob2:1:2" --test "$stem-ud-test.iob2:1:2" "$@"
}
uner da Danish-DDT da_ddt
uner pt Portuguese-Bosque pt_bosque
uner hr Croatian-SET hr_set --map OTH=MISC

run ner-ru-crfsuite crfsuite_ner.py --lang ru --train ru_factrueval_dev.conll --test ru_factrueval_test.conll

btc=BTC/CONLL-format/data
run ner-en-crfsuite crfsuite_ner.py --lang en \
  --train wikigold/CONLL-format/data/wikigold.conll.txt wnut17/wnut17train.conll "$btc"/{a,b,e,f,g,h}.conll \
  --dev uner/English-EWT/en_ewt-ud-dev.iob2:1:2 --test uner/English-EWT/en_ewt-ud-test.iob2:1:2 \
  --map person=PER location=LOC corporation=ORG group=ORG product=O creative-work=O MISC=O

treebank() { # COLUMNS CODE STEM [ARGUMENT...]
  local columns=$1 lang=$2 stem=ud/$3
  shift 3
  run "upos-$lang-udpipe-$columns" udpipe_upos.py --lang "$lang" --columns "$columns" \
    --train "$stem-ud-train.conllu" --dev "$stem-ud-dev.conllu" --test "$stem-ud-test.conllu" "$@"
}
for columns in ${COLUMNS_OF_UDPIPE:-upos all}; do
  treebank "$columns" ru ru_taiga_v2.6/ru_taiga
  # Russian dev accuracy went from 88.14 % after 10 iterations to 88.25 % after 20: 10 are enough for the larger ones.
  treebank "$columns" en en_ewt/en_ewt --iterations 10
  treebank "$columns" fr fr_sequoia/fr_sequoia --iterations 10
  treebank "$columns" nl nl_lassysmall_v2.0/nl_lassysmall --iterations 10 --map CONJ=CCONJ
  run "upos-es-udpipe-$columns" udpipe_upos.py --lang es --columns "$columns" --iterations 10 \
    --train ud/es_ancora_v2.9/es_ancora-ud-dev.conllu --test ud/es_ancora_v2.9/es_ancora-ud-test.conllu
done
