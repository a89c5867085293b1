#!/bin/sh
# Trunk's pre_build hook: prepares the files that `index.html` names.
set -eu

cd "$TRUNK_SOURCE_DIR"
mkdir -p target
(cd widget/style && cat variables.css base.css layout.css summary.css form.css methods.css buttons.css \
    screens.css skeleton.css preferences.css) |
    esbuild --minify --charset=utf8 --loader=css --log-level=warning > target/widget.css
esbuild --minify --charset=utf8 --target=es2022 --log-level=warning --outfile=target/boot.js \
    --allow-overwrite widget/boot.js
