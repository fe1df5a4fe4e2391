"""What is wrong with a data set? `dataset.audit()` reads every image once and reports

- classes, image sizes and channels, intensities, images of one colour, files that cannot be read;
- images that are in it twice, equal or nearly so, within the parts and across them, and those
  whose labels contradict each other: `nanocnn.data.audit.duplicates`;
- patients (groups) in more than one part;
- labels that follow from an image's size or mean intensity: `nanocnn.data.audit.shortcuts`.

>>> import nanocnn as nc
>>> report = nc.data.open("scans").audit()                      # doctest: +SKIP
>>> print(report)                                               # doctest: +SKIP
>>> report.figure("audit.png")                                  # doctest: +SKIP
"""

from .report import AuditReport

__all__ = ["AuditReport"]
