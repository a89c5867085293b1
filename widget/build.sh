#!/bin/sh
# Trunk's post_build hook: bundles the embed script and minifies the scripts of the widget's page. esbuild's
# output is smaller than that of Trunk's own minifier.
set -eu

if ! command -v esbuild >/dev/null; then
    echo "esbuild is missing: run \`cargo xtask setup\`, or put it on PATH" >&2
    exit 1
fi

options="--minify --charset=utf8 --target=es2022 --log-level=warning"
if [ "$TRUNK_PROFILE" = release ]; then
    for script in "$TRUNK_STAGING_DIR"/*.js; do
        # shellcheck disable=SC2086
        esbuild $options --allow-overwrite --outfile="$script" "$script"
    done
fi
# One classic script, so that the tag needs no `type` and `document.currentScript` has the settings.
# shellcheck disable=SC2086
esbuild $options --bundle --format=iife --outfile="$TRUNK_STAGING_DIR/till.js" \
    "$TRUNK_SOURCE_DIR/widget/embed/src/till.js"
