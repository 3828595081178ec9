// Adding an image to the search or the match: picked, pasted, or dropped anywhere on the page.

import { byId } from './dom.js';
import { toast } from './clipboard.js';

const LIBRARY_IMAGE = /\/v1\/images\/([0-9a-f]{64})(\/|$)|#([0-9a-f]{64})$/;

/** Calls `onFile(file)` for an added file and `onImage(id)` for an image of the library. */
export function acceptImages(onFile, onImage) {
  acceptPicked(onFile);
  acceptPasted(onFile);
  acceptDropped(onFile, onImage);
}

function acceptPicked(onFile) {
  const input = byId('file');
  byId('pick').addEventListener('click', () => input.click());
  input.addEventListener('change', () => {
    if (input.files[0]) onFile(input.files[0]);
    input.value = '';
  });
}

function acceptPasted(onFile) {
  document.addEventListener('paste', (event) => {
    const file = imageAmong(event.clipboardData.files);
    if (!file) return;
    event.preventDefault();
    onFile(file);
  });
}

function acceptDropped(onFile, onImage) {
  let depth = 0;
  const showOverlay = (isShown) => (byId('drop').hidden = !isShown);
  document.addEventListener('dragenter', (event) => {
    if (!hasImageData(event.dataTransfer)) return;
    depth += 1;
    showOverlay(true);
  });
  document.addEventListener('dragleave', (event) => {
    if (!hasImageData(event.dataTransfer)) return;
    depth = Math.max(0, depth - 1);
    if (depth === 0) showOverlay(false);
  });
  document.addEventListener('dragover', (event) => hasImageData(event.dataTransfer) && event.preventDefault());
  document.addEventListener('drop', (event) => {
    depth = 0;
    showOverlay(false);
    if (!hasImageData(event.dataTransfer)) return;
    event.preventDefault();
    acceptDrop(event.dataTransfer, onFile, onImage);
  });
  // Dragging a tile of the grid ends without a drop event if it is released elsewhere.
  document.addEventListener('dragend', () => showOverlay(false));
}

function acceptDrop(data, onFile, onImage) {
  const libraryImage = LIBRARY_IMAGE.exec(data.getData('text/uri-list'));
  const file = imageAmong(data.files);
  if (libraryImage) onImage(libraryImage[1] ?? libraryImage[3]);
  else if (file) onFile(file);
  else if (data.files.length > 0) toast('That file is not a picture.');
  else toast('Links to pictures cannot be dropped. Save the picture and drop the file.');
}

const hasImageData = (data) => data.types.includes('Files') || data.types.includes('text/uri-list');

// Browsers leave the type of formats that they do not know (such as QOI) empty; the server detects formats by content.
const imageAmong = (files) => [...files].find((file) => file.type === '' || file.type.startsWith('image/'));
