"""What a caller's words and a stored item become before they are compared: one function a key.

The same function fills the stored key and reads the query, so that both sides are forgiven alike. What is
forgiven stands in the tables here and in `customers.variants`; addresses have `customers.addresses`.
"""

import re
import unicodedata
from collections import defaultdict
from functools import cache, lru_cache

from customers.variants import DASHES, RADICALS, VARIANTS

#: Kana that sound alike, and small ones: banks and hosts write none.
SOUNDS = (
    {"ヂ": "ジ", "ヅ": "ズ", "ヲ": "オ", "ヱ": "エ", "ヰ": "イ", "ヶ": "ケ", "ヵ": "カ"}
    | dict(zip("ァィゥェォッャュョヮ", "アイウエオツヤユヨワ", strict=True))
)  # fmt: skip
#: Said as in バ, ビ, ブ, ベ, ボ.
VU = {
    "ヴァ": "バ",
    "ヴィ": "ビ",
    "ヴェ": "ベ",
    "ヴォ": "ボ",
    "ヴ": "ブ",
    "ヷ": "バ",
    "ヸ": "ビ",
    "ヹ": "ベ",
    "ヺ": "ボ",
}

#: Kana by the vowel that they end in, and the kana by which that vowel is written long.
LONG = {
    "アカガサザタダナハバパマヤラワ": "アー",
    "イキギシジチニヒビピミリ": "イー",
    "ウクグスズツヌフブプムユル": "ウー",
    "エケゲセゼテデネヘベペメレ": "エイー",
    "オコゴソゾトドノホボポモヨロ": "オウー",
}

#: Legal forms of companies, which callers leave out, shorten, or say at the other end.
# fmt: off
LEGAL_FORMS = (
    "株式会社", "有限会社", "合同会社", "合資会社", "合名会社", "一般社団法人", "一般財団法人", "社会福祉法人",
    "医療法人社団", "医療法人", "学校法人", "宗教法人", "(株)", "(有)", "(同)", "(医)", "(福)", "(宗)", "(学)",
    "カブシキガイシャ", "カブシキカイシャ", "ユウゲンガイシャ", "ユウゲンカイシャ", "ゴウドウガイシャ",
    "ゴウシガイシャ", "ゴウメイガイシャ", "イリョウホウジン", "シャカイフクシホウジン", "ガッコウホウジン",
    "(カ)", "(カ", "カ)", "(ユ)", "(ユ", "ユ)", "(ド)", "(ド", "ド)",
)
# fmt: on
#: As banks write them.
_LARGE = str.maketrans("ャュョッ", "ヤユヨツ")

#: Any kanji, also those beyond the first plane.
KANJI = "\u3400-\u9fff々〆\U00020000-\U000323af"

#: One small sound that is written in many ways: 塩ヶ浜, 塩が浜; 井之口, 井ノ口. (Katakana by now.)
_SMALL_KE = re.compile(f"(?<=[{KANJI}ァ-ヺ])[ヶヵガケ](?=[{KANJI}])")
_SMALL_NO = re.compile(f"(?<=[{KANJI}])[ノ之乃](?=[{KANJI}])")


def characters_of(*categories: str) -> list[int]:
    """The code points of Unicode's general categories, or of their families, where such characters are."""
    return [
        code for category, codes in _categories().items() if category.startswith(categories) for code in codes
    ]


@cache
def _categories() -> dict[str, list[int]]:
    found = defaultdict(list)
    for code in (*range(0x20000), *range(0xE0000, 0xE0200)):
        found[unicodedata.category(chr(code))].append(code)
    return found


#: Nobody sees them: controls, marks of direction and joining, halves of characters, selectors of a variant, fillers.
#: (What separates lines is a space.)
_INVISIBLE = dict.fromkeys(
    [
        *characters_of("Cc", "Cf", "Cs"),
        *range(0xFE00, 0xFE10),
        *range(0xE0100, 0xE01F0),
        *range(0x180B, 0x1810),
    ]
    + [0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0]
) | dict.fromkeys([*range(0x09, 0x0E), 0x85, 0x2028, 0x2029], " ")
#: Standing alone they would become a space and a mark.
_SOUND_MARKS = {ord("゛"): "\u3099", ord("゜"): "\u309a"}
#: One character that stands for digits, as ② and ½, is no digit of the number beside it.
_HOLD_DIGITS = {
    code: f"-{folded}-"
    for code in characters_of("No", "So", "Nl")
    if re.search("[0-9]", folded := unicodedata.normalize("NFKC", chr(code)))
}
_AS_SEEN = _INVISIBLE | _SOUND_MARKS | _HOLD_DIGITS
#: As VARIANTS and RADICALS have it: what each becomes.
CHARACTERS = {ord(other): group[0] for group in VARIANTS.split() for other in group[1:]}
CHARACTERS |= {
    ord(pair[0]): CHARACTERS.get(ord(pair[1]), pair[1]) for pair in RADICALS.split() if len(pair) == 2
}
#: Hiragana, which stand in the order of katakana, and the two marks that repeat one.
_KANA = {code: code + 0x60 for code in (*range(0x3041, 0x3097), 0x309D, 0x309E)} | CHARACTERS
_NAME = str.maketrans(dict.fromkeys(DASHES, "ー") | SOUNDS) | dict.fromkeys(map(ord, " ・'’`."))
_VU = re.compile("|".join(map(re.escape, VU)))
_VOWEL = {kana: long for group, long in LONG.items() for kana in group}
_LEGAL_FORM = re.compile(
    "|".join(map(re.escape, (*LEGAL_FORMS, *(one.translate(_LARGE) for one in LEGAL_FORMS))))
)
_NOT_DIGITS = re.compile("[^0-9]")
_ALL_KANA = re.compile("[ァ-ヺー]+")
_EXTENSION = re.compile(r"[ (]*(?:内線?|ext\.?|extension|[x#])[^0-9]*[0-9]+[ )]*$", re.IGNORECASE)
#: 81 is Japan, where it is said as such or where a number without its first 0 has nothing else before it.
_ABROAD = re.compile(r"^[^0-9]*(?:\+|00|010)[^0-9]*81|^[^0-9+]*81(?=(?:[^0-9]*[0-9]){9,11}[^0-9]*$)")
#: Dialled before a number so that it is told to who is called, or not.
_CALLER_ID = re.compile("^[^0-9]*18[46](?=[^0-9]*0)")
#: How long a phone number without its first 0 is: a landline's, a mobile's.
_WITHOUT_ZERO = (9, 10)


def plain(text: str) -> str:
    """Full and half width made one (NFKC), with sound marks on the kana that they follow, and nothing invisible.

    May be up to eighteen times as long as the text.
    """
    return unicodedata.normalize("NFKC", text.translate(_AS_SEEN))


def katakana(text: str) -> str:
    """Plain text in one case and one kana, each character in one of the ways to write it."""
    return plain(text).lower().translate(_KANA)


def with_small_sounds(text: str) -> str:
    """Katakana, of which blanks are gone, with the small sounds between kanji in one of the ways to write them."""
    return _SMALL_NO.sub("ノ", _SMALL_KE.sub("ケ", text))


def digits(text: str) -> str:
    """The digits alone: of a supply point number, hyphenated or full width."""
    return _NOT_DIGITS.sub("", plain(text))


def phone(text: str) -> str:
    """The digits of a phone number as dialled within the country: without country code, words and extension.

    A first 0 that a spreadsheet dropped is there again. A number of another country stays as it is.
    """
    return dialled(text)[0]


def dialled(text: str) -> tuple[str, bool]:
    """The digits as `phone` gives them, and whether their first 0 was dropped: not written, nor a country code."""
    text = _CALLER_ID.sub("", _EXTENSION.sub("", plain(text)))
    inland = _ABROAD.sub("", text)
    from_abroad, number = inland != text, _NOT_DIGITS.sub("", inland)
    lacks_zero = from_abroad or ("+" not in text and len(number) in _WITHOUT_ZERO)
    if not number or number.startswith("0") or not lacks_zero:
        return number, False
    return f"0{number}", not from_abroad


def name(text: str) -> str:
    """A name, in kana or as written: without spaces, widths, cases, ways to write a character, sounds that
    are alike, and the legal form of a company; hiragana, small kana and how a vowel is made long are one."""
    text = _without_legal_form(katakana(text))
    text = _VU.sub(lambda said: VU[said[0]], text).translate(_NAME)
    return _with_long_vowels(with_small_sounds(text))


def tail(text: str) -> str:
    """The key of what follows the first word of a name, by which a given name is found; empty for one word."""
    words = _without_legal_form(katakana(text)).split()
    return name("".join(words[1:]))


@lru_cache(65_536)
def name_keys(text: str) -> tuple[str, str]:
    """The keys of a stored name: names repeat, addresses and numbers hardly do."""
    return name(text), tail(text)


def is_kana(text: str) -> bool:
    """Whether the text is a name in kana and nothing else."""
    return bool(_ALL_KANA.fullmatch(name(text)))


def _with_long_vowels(text: str) -> str:
    """オオヒラ, オウヒラ and オーヒラ as オーヒラ: in each of them the vowel goes on."""
    if not any(kana in text for kana in "アイウエオー"):
        return text
    found, goes_on = [], ""
    for character in text:
        if character in goes_on:
            found.append("ー")
        else:
            found.append(character)
            goes_on = _VOWEL.get(character, "")
    return "".join(found)


def _without_legal_form(text: str) -> str:
    return _LEGAL_FORM.sub("", text) or text
