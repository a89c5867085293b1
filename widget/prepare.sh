#!/bin/sh
# Trunk's pre_build hook: prepares the files that `index.html` names.
set -eu

cd "$TRUNK_SOURCE_DIR"
mkdir -p target
# One style sheet, so that the page loads one.
(cd widget/style && cat variables.css base.css layout.css summary.css form.css methods.css buttons.css \
    screens.css skeleton.css preferences.css) > target/widget.css
esbuild --minify --charset=utf8 --target=es2022 --log-level=warning --outfile=target/boot.js \
    --allow-overwrite widget/boot.js
