"""Parts of `prepare_images.py` that a reader may pass over at first, in the order of their use.

- `dicom_folder`: synthetic slices written as a hospital would export them, with planted faults;
- `keeping_secrets`: the key of the pseudonyms, and the search for names in what was written;
- `cleaning`: which images to leave out after an audit;
- `drawing`: a contact sheet, and a batch.
"""
