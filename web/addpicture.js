// Adding a picture to the search or the match: picked, pasted, or dropped anywhere on the page.

import { byId } from './dom.js';
import { toast } from './clipboard.js';

const OWN_IMAGE = /\/v1\/images\/([0-9a-f]{64})(\/|$)|#([0-9a-f]{64})$/;

/** Calls `onFile(file)` for a picture that is added, and `onImage(id)` when it is one of the page's own. */
export function acceptPictures(onFile, onImage) {
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
    const file = pictureAmong(event.clipboardData.files);
    if (!file) return;
    event.preventDefault();
    onFile(file);
  });
}

function acceptDropped(onFile, onImage) {
  let depth = 0;
  const shade = (isShown) => (byId('drop').hidden = !isShown);
  document.addEventListener('dragenter', (event) => {
    if (!isPicture(event.dataTransfer)) return;
    depth += 1;
    shade(true);
  });
  document.addEventListener('dragleave', (event) => {
    if (!isPicture(event.dataTransfer)) return;
    depth = Math.max(0, depth - 1);
    if (depth === 0) shade(false);
  });
  document.addEventListener('dragover', (event) => isPicture(event.dataTransfer) && event.preventDefault());
  document.addEventListener('drop', (event) => {
    depth = 0;
    shade(false);
    if (!isPicture(event.dataTransfer)) return;
    event.preventDefault();
    takeDropped(event.dataTransfer, onFile, onImage);
  });
  // A tile of the grid may be dropped, too; the shade over the page would only be in the way then.
  document.addEventListener('dragend', () => shade(false));
}

function takeDropped(data, onFile, onImage) {
  const own = OWN_IMAGE.exec(data.getData('text/uri-list'));
  const file = pictureAmong(data.files);
  if (own) onImage(own[1] ?? own[3]);
  else if (file) onFile(file);
  else if (data.files.length > 0) toast('That file is no picture.');
  else toast('Only a picture itself can be taken, not a link to it. Save it and drop the file.');
}

const isPicture = (data) => data.types.includes('Files') || data.types.includes('text/uri-list');

// Browsers do not know every format (QOI, for one) and leave its type empty; the server reads by content.
const pictureAmong = (files) => [...files].find((file) => file.type === '' || file.type.startsWith('image/'));
