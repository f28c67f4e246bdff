"""One word for one thing: what the Japanese of the portal says, and what it never does."""

import re

import pytest

from config.management.commands import translations

#: What is never said, and what is said instead.
NEVER = {
    r"通話相手": "問い合わせ者；小売電気事業者には通話の相手がいない",
    r"見つから(ず|なかった)": "該当なし",
    r"見つかった": "該当あり",
    r"正当": "目的内・目的外",
    r"照会(する|中)$": "判定は「要確認」",
    r"ユーザー名": "利用者ID",
    r"所属部署": "所属事業所",
    r"別の担当者|もう一人の": "別の責任者、別の利用者（担当者は役割名）",
    r"見た者|ログインしていない者": "閲覧者、利用者",
    r"閉鎖": "停止",
    r"締結済み": "有効、停止中、期間外",
    r"持ち出|書き出": "出力、証明は取得",
    r"保管庫": "保管ファイル",
    r"事後点検": "点検",
    r"際立": "突出した",
    r"封印どおり|封印されたとおり": "一致、封印時と異なる",
    r"災害等非常時でない": "災害等非常時以外",
    r"最近の": "直近の",
    r"自社の担当者": "当社の担当者（自社は小売電気事業者の自社分）",
    r"お電話": "電話",
    r"印を付け": "選択",
    r"選んで|書いてください": "選択、指定、入力",
    r"名簿から外": "名簿から除外",
    r"誰も表示": "お客さま情報は表示しません",
    r"お客さまは?(が)?ありません": "お客さまはいません",
    r"お客さまの取込み": "お客さま情報の取込み",
    r"メガバイト": "MB",
    r"(%\(\w+\)[sd]|\d) +[ぁ-んァ-ヶ一-鿿]": "数字や名前の後に空白を入れない",
    r"[ぁ-んァ-ヶー] +%": "文中では数字や名前の前に空白を入れない（見出し語と値の間だけ）",
    r"(?<!%)\(|[ぁ-んァ-ヶ一-鿿]:": "全角の（）と：",
}
#: Words of the public statement, which people know the matter by.
OF_THE_STATEMENT = (
    "災害等非常時",
    "業務委託契約",
    "利用ログ",
    "託送お客さま管理システム",
    "目的外",
    "託送業務",
)


def japanese() -> list[tuple[str, str]]:
    found = []
    for message in translations.read(translations.CATALOGUE):
        if message.id:
            strings = message.string if message.pluralizable else [message.string]
            found += [(str(message.id), string) for string in strings]
    return found


@pytest.mark.parametrize("word", NEVER)
def test_a_word_that_is_another_things_is_never_said(word):
    said = [(msgid, string) for msgid, string in japanese() if re.search(word, string)]
    assert not said, NEVER[word]


@pytest.mark.parametrize("word", OF_THE_STATEMENT)
def test_the_words_of_the_statement_are_said(word):
    assert any(word in string for _msgid, string in japanese())
