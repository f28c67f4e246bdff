"""What a caller's words and a stored item become before they are compared: one function a key.

The same function fills the stored key and reads the query, so that both sides are forgiven alike. What
is forgiven stands in the tables below and nowhere else.
"""

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

import jaconv
from kanjize import kanji2number

#: Hyphens, dashes, minus and long-vowel marks that people use for one another.
DASHES = "-‐‑‒–—―−－ーｰ~〜～"

#: Ways to write a character of names and places that nobody hears, after the one that they become.
#: (斉 and 斎 are two characters, but who says さいとう on the phone does not spell them.)
VARIANTS = """
    亜亞 悪惡 圧壓 栄榮 衛衞 円圓 塩鹽 桜櫻 奥奧 応應 横橫 黄黃 会會 絵繪 鴎鷗 覚覺 学學 岳嶽 楽樂 館舘 寛寬
    観觀 巌巖 亀龜 帰歸 気氣 旧舊 暁曉 尭堯 勲勳薰薫 恵惠 渓溪 蛍螢 鶏鷄 剣劍劔劒 検檢 県縣 献獻 権權 顕顯
    厳嚴 広廣 国國圀 黒黑 恒恆 高髙 済濟 斎齋齊斉斋 蔵藏 崎﨑嵜埼碕 桟棧 参參 蚕蠶 賛贊 残殘 糸絲 実實 舎舍
    写寫 釈釋 寿壽 収收 秋穐 渋澁澀 縦縱 粛肅 処處 松枩柗 昇曻 将將 称稱 焼燒 証證 条條 状狀 浄淨 場塲 畳疊
    譲讓 醸釀 真眞 慎愼 尽盡 図圖 瀬瀨 声聲 静靜 関關 専專 浅淺 船舩 曽曾 双雙 壮壯 荘莊 総總 聡聰 増增 属屬
    続續 帯帶 滝瀧 沢澤 達逹 団團 断斷 昼晝 鋳鑄 鎮鎭 鉄鐵鉃 点點 転轉 伝傳 党黨 島嶋嶌 灯燈 当當 稲稻 徳德
    独獨 読讀 栃杤 富冨 柳栁桺 弐貳 辺邊邉 浜濱濵 拝拜 売賣 麦麥 発發 秘祕 桧檜 渕淵渊 仏佛 並竝 変變 弁辨辯瓣
    宝寶寳 豊豐 峰峯 槙槇 巻卷 万萬 満滿 薮藪 吉𠮷 桑桒 与與 誉譽 余餘 様樣 来來 頼賴 覧覽 竜龍 両兩 緑綠
    礼禮 霊靈 齢齡 恋戀 労勞 楼樓 郎郞 禄祿 録錄 湾灣 鎌鐮 麺麵 亘亙 凛凜 村邨 弥彌 穣穰 杉椙 芦蘆 鶴靏靍
    岡崗 砺礪 祷禱 篭籠 蝋蠟 頚頸 諌諫 竃竈 靭靱 桝枡 梼檮 園薗 昂昻 晃晄 翠翆 猪豬 青靑 清淸 間閒 強强 隣鄰
    裏裡 蕊蘂 駆驅 穂穗 髪髮 仮假 価價 拡擴 勧勸 歓歡 祇祗 駅驛 峡峽 狭狹 挟挾 郷鄕 区區 径徑 経經 継繼 茎莖
    芸藝 号號 雑雜 湿濕 従從 乗乘 触觸 髄髓 数數 摂攝 銭錢 潜潛 挿插 巣巢 騒騷 滞滯 択擇 胆膽 遅遲 痴癡 虫蟲
    庁廳 聴聽 勅敕 逓遞 嚢囊 脳腦 覇霸 鉢缽 抜拔 蛮蠻 瓶甁 舗舖 穏穩 鴬鶯 訳譯 薬藥 予豫 揺搖 葉枼 塁壘 隷隸
    歴歷 暦曆 炉爐 惣揔
"""

#: Kana that sound alike.
SOUNDS = {"ヂ": "ジ", "ヅ": "ズ", "ヲ": "オ", "ヱ": "エ", "ヰ": "イ"}

#: Legal forms of companies, which callers leave out, shorten, or say at the other end.
# fmt: off
LEGAL_FORMS = (
    "株式会社", "有限会社", "合同会社", "合資会社", "合名会社", "一般社団法人", "一般財団法人", "社会福祉法人",
    "医療法人社団", "医療法人", "学校法人", "宗教法人", "(株)", "(有)", "(同)", "(医)", "(福)", "(宗)", "(学)",
    "カブシキガイシャ", "カブシキカイシャ", "ユウゲンガイシャ", "ユウゲンカイシャ", "ゴウドウガイシャ",
    "ゴウシガイシャ", "ゴウメイガイシャ", "イリョウホウジン", "シャカイフクシホウジン", "ガッコウホウジン",
)
# fmt: on

_DROPPED = dict.fromkeys(
    [*range(0x20), *range(0x7F, 0xA0), *map(ord, " \u200b\u200c\u200d\u2060\ufeff・'’`.")]
)
#: Standing alone they would become a space and a mark.
_SOUND_MARKS = {ord("゛"): "\u3099", ord("゜"): "\u309a"}
_CHARACTERS = {ord(other): group[0] for group in VARIANTS.split() for other in group[1:]}
_NAME = str.maketrans(dict.fromkeys(DASHES, "ー") | SOUNDS) | _CHARACTERS | _DROPPED
_ADDRESS = str.maketrans(dict.fromkeys(DASHES, "-")) | _CHARACTERS | _DROPPED
_LEGAL_FORM = re.compile("|".join(map(re.escape, LEGAL_FORMS)))
_NOT_DIGITS = re.compile("[^0-9]")

_NUMERAL = re.compile("[〇一二三四五六七八九十百千]+")
_DIGITS = str.maketrans("〇一二三四五六七八九", "0123456789")
#: What stands between the numbers of an address, and what may follow the last: 1丁目2番地の3号 is 1-2-3.
#: What follows the house (8-15 101, 8番15号101号室) is a room, and no more of the house's number.
_BETWEEN_NUMBERS = re.compile("(?<=[0-9])(?:(?:丁目|丁|番地|番)(?:の|ノ|-)?|の|ノ|-+)(?=[0-9])")
_ROOM = re.compile(r"(?<=[0-9])(?:号\s*|\s+)(?=[0-9])")
_AFTER_NUMBERS = re.compile("(?<=[0-9])(?:丁目|番地|号室?|番$|-$)")
#: Between kanji one small sound is written in many ways (塩ヶ浜, 塩が浜; 井之口, 井ノ口); 大字 and 字 go unsaid.
_SMALL_KE = re.compile("(?<=[一-龠々])[ヶヵがガ](?=[一-龠])")
_SMALL_NO = re.compile("(?<=[一-龠々])[の之乃](?=[一-龠])")
_AZA = re.compile("大字|(?<=[一-龠])(?<![文十0])字(?=[一-龠ァ-ヶ])")
_HAS_DIGIT = re.compile("[0-9]")
_ALL_KANA = re.compile("[ァ-ヺー]+")
#: Characters that prefecture and district take at most, before the municipality's name.
LONGEST_BEFORE = 12


class Keys(NamedTuple):
    """The stored keys of a customer, in the order and by the names of their columns."""

    phone_key: str
    kana_key: str
    kana_tail: str
    name_key: str
    name_tail: str
    town_key: str


def keys(*, name: str, name_kana: str, address: str, phone: str, municipality: str) -> Keys:
    """What a customer with these items is found by; municipality: the name of the customer's area."""
    return Keys(digits(phone), *_name_keys(name_kana), *_name_keys(name), town(address, municipality))


@lru_cache(65_536)
def _name_keys(text: str) -> tuple[str, str]:
    """Names repeat, addresses and numbers hardly do."""
    return name(text), tail(text)


def plain(text: str) -> str:
    """Full and half width made one (NFKC), with sound marks on the kana that they follow."""
    return unicodedata.normalize("NFKC", text.translate(_SOUND_MARKS))


def digits(text: str) -> str:
    """The digits alone: of a phone number or a supply point number, hyphenated or full width."""
    return _NOT_DIGITS.sub("", plain(text))


def name(text: str) -> str:
    """A name, in kana or as written: without spaces, widths, cases, ways to write a character, sounds that
    are alike, and the legal form of a company; hiragana, half-width kana and long-vowel marks are one."""
    return _without_legal_form(jaconv.hira2kata(plain(text).lower()).translate(_NAME))


def tail(text: str) -> str:
    """The key of what follows the first word of a name, by which a given name is found; empty for one word."""
    words = _without_legal_form(plain(text)).split()
    return name("".join(words[1:]))


def address(text: str) -> str:
    """An address with one kind of dash, digit and character: 三丁目２番地の１号 and 3-2-1 are the same."""
    text = plain(text)
    words = text.split()
    if len(words) > 2 and all(len(word) == 1 for word in words):
        text = "".join(words)  # spaces between all say nothing
    text = _ROOM.sub("/", text).translate(_ADDRESS).lower()
    text = _AZA.sub("", _SMALL_NO.sub("ノ", _SMALL_KE.sub("ケ", text)))
    text = _NUMERAL.sub(_number, text)
    return _AFTER_NUMBERS.sub("", _BETWEEN_NUMBERS.sub("-", text))


def town(text: str, municipality: str) -> str:
    """The address from the town on: without prefecture, district (郡) and the municipality, as it is called."""
    return without_municipality(address(text), _municipality(municipality))


@lru_cache(4096)
def _municipality(name: str) -> str:
    """Municipalities repeat even more than names."""
    return address(name)


def without_municipality(key: str, municipality: str) -> str:
    """Of an address key what follows the municipality's key; all of it where the municipality is not in it."""
    before, found, after = key.partition(municipality)
    return after if found and len(before) <= LONGEST_BEFORE and not _HAS_DIGIT.search(before) else key


def is_kana(text: str) -> bool:
    """Whether the text is a name in kana and nothing else."""
    return bool(_ALL_KANA.fullmatch(name(text)))


def _without_legal_form(text: str) -> str:
    return _LEGAL_FORM.sub("", text) or text


def _number(match: re.Match) -> str:
    return _in_digits(match[0])


@lru_cache(4096)
def _in_digits(numeral: str) -> str:
    """二十四 as 24 and 一二 as 12. What is no number (千, 百十千) stays: it is a name."""
    if not set(numeral) & set("十百千"):
        return numeral.translate(_DIGITS)
    if not set(numeral) - set("百千"):
        return numeral
    try:
        return str(kanji2number(numeral))
    except ValueError:
        return numeral
