#!/bin/sh
# Trunk's post_build hook: optimizes the WebAssembly and its script, and bundles the embed script. esbuild's
# output is smaller than that of Trunk's own minifier.
set -eu

for tool in esbuild node wasm-metadce wasm-opt; do
    if ! command -v $tool >/dev/null; then
        echo "$tool is missing: run \`cargo xtask setup\`, or put it on PATH" >&2
        exit 1
    fi
done

options="--minify --charset=utf8 --target=es2022 --log-level=warning"
if [ "$TRUNK_PROFILE" = release ]; then
    node "$TRUNK_SOURCE_DIR/widget/shrink.mjs" "$TRUNK_STAGING_DIR"
fi
# One classic script, so that the tag needs no `type` and `document.currentScript` has the settings.
# shellcheck disable=SC2086
esbuild $options --bundle --format=iife --outfile="$TRUNK_STAGING_DIR/till.js" \
    "$TRUNK_SOURCE_DIR/widget/embed/src/till.js"
