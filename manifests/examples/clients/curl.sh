#!/bin/sh
# Scores two readings: sh curl.sh http://north-line.plant-a.example north-line 26
# The features are made up; their names, units and order are in the model's metadata, which comes first.
set -eu
address=$1 model=$2 features=$3
curl --silent --show-error --fail "$address/v2/models/$model"
echo
row=$(printf '0.5,%.0s' $(seq "$features") | sed 's/,$//')
now=$(date +%s)000
curl --silent --show-error --fail --compressed "$address/v2/models/$model/infer" --data "{
  \"id\": \"tick-7\",
  \"inputs\": [
    {\"name\": \"features\", \"datatype\": \"FP32\", \"shape\": [2, $features], \"data\": [[$row], [$row]]},
    {\"name\": \"sensor_id\", \"datatype\": \"BYTES\", \"shape\": [2], \"data\": [\"weld-1\", \"weld-2\"]},
    {\"name\": \"sampled_at\", \"datatype\": \"INT64\", \"shape\": [2], \"data\": [$now, $now]}
  ]
}"
echo
