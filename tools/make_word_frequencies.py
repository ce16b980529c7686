"""Write local_azure/engines/word_frequencies.npz: how often the commonest words of forty languages are used.

Source: wordfreq 3.1.1 (Robyn Speer; code Apache-2.0, data CC BY-SA 4.0), which counts subtitles, web pages, Wikipedia,
books and Twitter. It is 58 MB and needed only here: `pip install --target FOLDER wordfreq==3.1.1`, then
`python tools/make_word_frequencies.py FOLDER`.
"""

import sys
from pathlib import Path

import numpy

WORDS = 5000  # of each language
TARGET = Path(__file__).resolve().parent.parent / "local_azure" / "engines" / "word_frequencies.npz"
# under the codes that Azure has; Croatian, Serbian and Bosnian in Latin letters are one list
CODES = {"nb": "no", "fil": "tl", "sh": "hr sr bs"}
WITHOUT = ("ja", "ko", "zh")  # written without spaces, and known by their signs


def main():
    sys.path.insert(0, sys.argv[1])
    import wordfreq

    found = {}
    codes = []
    for name in sorted(wordfreq.available_languages("small")):
        if name in WITHOUT:
            continue
        number = len(codes)
        codes.append(CODES.get(name, name))
        for word in wordfreq.top_n_list(name, WORDS, "small"):
            # tenths of a power of ten: 30 is one word in a thousand
            tenths = round(10 * (9 - wordfreq.zipf_frequency(word, name, "small")))
            found.setdefault(word.encode(), []).append((number, tenths))
    words = sorted(found)
    numpy.savez_compressed(
        TARGET,
        codes=numpy.array(codes),
        words=numpy.array(words),
        starts=numpy.cumsum([0, *(len(found[word]) for word in words)]).astype(numpy.uint32),
        languages=numpy.array([number for word in words for number, _ in found[word]], numpy.uint8),
        rarity=numpy.array([tenths for word in words for _, tenths in found[word]], numpy.uint8),
    )
    print(f"{len(words)} words of {len(codes)} languages, {TARGET.stat().st_size} bytes")


if __name__ == "__main__":
    main()
