# Unpack the archive that ARCHIVE_SHA256 names, install its wheels by their hashes, and run the verb that is given.
archive=$PACKAGES/operations-$ARCHIVE_SHA256.zip
if [ "$(sha256sum < "$archive" | cut -c 1-64)" != "$ARCHIVE_SHA256" ]; then
  echo "$archive is not what its name says" >&2
  exit 1
fi
folder=$(mktemp -d)
python -m zipfile -e "$archive" "$folder"
python -m pip --quiet --disable-pip-version-check --no-cache-dir install --root-user-action ignore --no-index --no-deps \
  --require-hashes --find-links "$folder/wheels" --target "$folder/site" --requirement "$folder/requirements.txt"
cd "$folder"
PYTHONPATH=$folder:$folder/site exec python -P -m ops "$@"
