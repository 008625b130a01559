"""Bytes become the text they were written as, or it is said what was guessed and lost."""

import codecs
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragkit.errors import LoadError
from ragkit.loading.decoding import SAMPLE, decode, wide_without_mark
from ragkit.loading.formats import is_binary, load

ENGLISH = "The model stays in memory for five minutes.\nThen it is unloaded.\n"
CHINESE = "模型默认在内存中保留五分钟，之后会被卸载。\r\n大模型加载可能要几十秒甚至几分钟。"

# A sentence, and what follows it where there is more.
TEXTS = {
    "simplified": (
        "模型默认在内存中保留五分钟，之后会被卸载。",
        "如果客户端等不及断开连接，加载也会随之中止，重试又要从头开始。\n\n大模型加载可能要几十秒甚至"
        "几分钟，这期间服务端不返回任何内容。把读取超时设为十分钟以上，或在正式提问之前先发一个空请求"
        "预热。\n",
    ),
    "traditional": (
        "模型預設會在記憶體中保留五分鐘，之後就會被卸載。",
        "如果用戶端等不及而中斷連線，載入也會隨之中止，重試又要從頭開始。\n\n大型模型的載入可能需要"
        "幾十秒甚至幾分鐘，這段期間伺服器不會傳回任何內容。請把讀取逾時設為十分鐘以上。\n",
    ),
    "japanese": (
        "モデルは最後の要求から五分間メモリに残ります。",
        "読み込みには時間がかかりますが、読み込まれたモデルの応答は速いです。\n\n大きなモデルの読み込みに"
        "は数十秒から数分かかることがあり、その間サーバーは何も返しません。\n",
    ),
    "korean": (
        "모델은 마지막 요청 이후 오 분 동안 메모리에 남아 있습니다.",
        " 모델을 불러오는 일은 느리지만 불러온 모델은 빠르게 대답합니다.\n\n큰 모델을 불러오는 "
        "데에는 수십 초에서 몇 분이 걸릴 수 있으며 그동안 서버는 아무것도 돌려주지 않습니다.\n",
    ),
    "russian": (
        "Модель остаётся в памяти пять минут после последнего запроса.",
        " Загрузка большой модели занимает много времени, зато загруженная отвечает быстро.\n\n"
        "Если клиент не дождётся ответа и разорвёт соединение, загрузка тоже прекратится.\n",
    ),
    "french": (
        "Le modèle reste chargé en mémoire pendant cinq minutes après la dernière requête.",
        " Le chargement peut être très long : c’est là qu’il faut être patient.\n\nSi le client "
        "abandonne, tout recommence à zéro. « Réglez donc un délai assez élevé », dit-on.\n",
    ),
    "german": (
        "Für große Modelle heißt das: fünf Minuten im Speicher, danach werden sie gelöscht.",
        " Das Laden hört auf, wenn der Aufrufer abbricht.\n\nAlles fängt später von vorne an. "
        "„Wählen Sie die Frist also großzügig“, rät das Handbuch.\n",
    ),
    "spanish": (
        "¿Cuánto tiempo permanece el modelo en la memoria? ¡Cinco minutos, según el manual!",
        " La carga de un modelo grande puede durar mucho.\n\nSi el cliente se desconecta, la carga "
        "también se interrumpe y después todo empieza de nuevo mañana.\n",
    ),
    "portuguese": (
        "O modelo não permanece na memória depois de cinco minutos, então a requisição é lenta.",
        " A configuração é fácil.\n\nSe o cliente desistir, o carregamento também será "
        "interrompido e começará outra vez amanhã, às três horas.\n",
    ),
    "swedish": (
        "Modellen ligger kvar i minnet i fem minuter efter den sista förfrågan, på gott och ont.",
        " Att ladda en större modell är långsamt.\n\nOm klienten kopplar från avbryts även "
        "laddningen och allting börjar om från början nästa gång.\n",
    ),
    "norwegian": (
        "Modellen blir værende i minnet på grunn av den siste forespørselen.",
        " Å laste en stor modell tar lang tid, så vær tålmodig.\n\nHvis klienten gir opp, avbrytes "
        "også lastingen, og alt begynner på nytt neste gang noen spør.\n",
    ),
    "polish": (
        "Model pozostaje w pamięci przez pięć minut po ostatnim żądaniu, a potem jest usuwany.",
        " Ładowanie dużego modelu może trwać długo, lecz załadowany odpowiada szybko.\n\nJeśli "
        "klient się rozłączy, wszystko zacznie się od początku. Źle? Należy więc poczekać.\n",
    ),
    "czech": (
        "Model zůstává v paměti pět minut po posledním požadavku a potom je uvolněn.",
        " Načítání velkého modelu může trvat dlouho, načtený však odpovídá rychle.\n\nPokud se "
        "klient odpojí, načítání se také přeruší a příště začne všechno znovu od začátku.\n",
    ),
    "slovak": (
        "Model zostáva v pamäti päť minút po poslednej žiadosti, potom sa uvoľní.",
        " Načítanie veľkého modelu môže trvať dlho, načítaný však odpovedá rýchlo.\n\nAk sa klient "
        "odpojí, načítanie sa preruší a nabudúce sa všetko začne odznova.\n",
    ),
    "hungarian": (
        "A modell az utolsó kérés után öt percig marad a memóriában, majd törlődik.",
        " Egy nagy modell betöltése sokáig tarthat, a betöltött viszont gyorsan válaszol.\n\nHa az "
        "ügyfél bontja a kapcsolatot, a betöltés is megszakad, és minden elölről kezdődik.\n",
    ),
    "greek": (
        "Το μοντέλο παραμένει στη μνήμη για πέντε λεπτά μετά το τελευταίο αίτημα.",
        " Η φόρτωση ενός μεγάλου μοντέλου μπορεί να διαρκέσει πολύ.\n\nΑν ο πελάτης διακόψει τη "
        "σύνδεση, σταματά και η φόρτωση, και όλα αρχίζουν ξανά από την αρχή.\n",
    ),
    "hebrew": (
        "המודל נשאר בזיכרון במשך חמש דקות לאחר הבקשה האחרונה, ואז הוא נמחק.",
        " טעינת מודל גדול אורכת זמן רב.\n\nאם הלקוח מתנתק, גם הטעינה נפסקת והכול מתחיל מחדש.\n",
    ),
    "turkish": (
        "Model son istekten sonra beş dakika bellekte kalır, ardından boşaltılır.",
        " Büyük bir modelin yüklenmesi uzun sürebilir.\n\nİstemci vazgeçerse yükleme de durur ve "
        "her şey yeniden başlar. Çoğu zaman bu kılavuz yeterlidir.\n",
    ),
}
ENCODINGS = [
    ("simplified", "gb18030"),
    ("traditional", "big5"),
    *(("japanese", encoding) for encoding in ("cp932", "shift_jis", "euc_jp")),
    *(("korean", encoding) for encoding in ("cp949", "euc_kr")),
    *(("russian", encoding) for encoding in ("cp1251", "koi8_r")),
    *(
        (language, "cp1252")
        for language in "french german spanish portuguese swedish norwegian".split()
    ),
    *(
        (language, encoding)
        for language in "polish czech slovak hungarian".split()
        for encoding in ("cp1250", "iso8859_2")
    ),
    ("greek", "cp1253"),
    ("hebrew", "cp1255"),
    *(("turkish", encoding) for encoding in ("cp1254", "iso8859_9")),
    *((language, "mac_roman") for language in "french german spanish portuguese swedish".split()),
]


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (codecs.BOM_UTF32_BE, "utf-32-be"),
    ],
)
@pytest.mark.parametrize("text", [ENGLISH, CHINESE, "👩‍👧 a\0b", ""])
def test_a_mark_says_the_encoding_and_is_no_text(mark: bytes, encoding: str, text: str) -> None:
    assert decode(mark + text.encode(encoding)) == (text, ())


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_utf8_comes_back_whatever_it_is(text: str) -> None:
    data = text.encode()
    if not wide_without_mark(data):
        assert decode(data) == (text.removeprefix("\ufeff"), ())


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize(
    "text", [ENGLISH, CHINESE, "第一章 Überblick\r\n内容。" * 9, "a,b\t1\n" * 4000]
)
def test_utf16_without_a_mark_is_recognised_and_told(encoding: str, text: str) -> None:
    data = text.encode(encoding)
    assert decode(data) == (text, (f"read as {encoding}, which it does not say it is",))
    assert not is_binary(data, suffix=".txt")


THAI = "เป็นมนุษย์สุดประเสริฐเลิศคุณค่า"


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize(
    "text",
    [
        *(TEXTS[language][0] for language in ("simplified", "traditional", "japanese")),
        *("一二三一", "ひらがな", "カタカナ", THAI, THAI * 999, "привет", "საქართველო", "שלום"),
    ],
)
def test_utf16_without_a_mark_and_without_zero_bytes_is_recognised(
    encoding: str, text: str
) -> None:
    data = text.encode(encoding)
    assert decode(data) == (text, (f"read as {encoding}, which it does not say it is",))
    assert not is_binary(data, suffix=".txt")


@pytest.mark.parametrize(("language", "encoding"), ENCODINGS)
def test_other_encodings_are_no_utf16(language: str, encoding: str) -> None:
    text = "".join(TEXTS[language])
    for part in (text, text[:20], *text.split()):
        assert wide_without_mark(part.encode(encoding)) == ""


@pytest.mark.no_cover
@pytest.mark.parametrize("seed", range(20))
def test_noise_is_no_utf16(seed: int) -> None:
    noise = random.Random(seed)
    for data in (
        noise.randbytes(9000),
        bytes(noise.choices(range(128), k=9000)),
        b"".join(noise.randrange(9999).to_bytes(2, "little") for _ in range(999)),
        b"".join(noise.randrange(99).to_bytes(4, "big") for _ in range(999)),
    ):
        assert wide_without_mark(data) == ""
        assert is_binary(data, suffix=".txt")


@pytest.mark.parametrize(
    ("language", "encoding", "told"),
    [
        ("japanese", "iso2022_jp", "iso2022_jp_2"),
        ("japanese", "iso2022_jp_2", "iso2022_jp_2"),
        ("simplified", "iso2022_jp_2", "iso2022_jp_2"),
        ("korean", "iso2022_kr", "iso2022_kr"),
    ],
)
def test_escapes_that_switch_character_sets_are_followed(
    language: str, encoding: str, told: str
) -> None:
    text = f"ASCII\n{TEXTS[language][0]}\n"
    assert decode(text.encode(encoding)) == (text, (f"read as {told}, by its escapes",))


def test_escapes_switch_to_signs_that_windows_added() -> None:
    data = b"No. \x1b$B-!5D\r\n\x1b(IC=D\x1b(B end"
    told = "read as iso2022_jp, as Windows writes it, by its escapes"
    assert decode(data) == ("No. ①議\r\nﾃｽﾄ end", (told,))


@pytest.mark.parametrize(
    "text", ["colours \x1b[31mred\x1b[0m", "\x1b$B is an escape", "é \x1b$B0l"]
)
def test_other_escapes_are_text(text: str) -> None:
    assert decode(text.encode()) == (text, ())


@pytest.mark.parametrize(
    "data", [b"a\0\0\0b", b"\0", b"\0" * 100, b"\x01\0\x02\0\x03\0\x04\0" * 9, b"plain", b""]
)
def test_other_zero_bytes_are_no_utf16(data: bytes) -> None:
    assert wide_without_mark(data) == ""


def test_no_data_is_no_text() -> None:
    assert decode(b"") == ("", ())


@pytest.mark.parametrize(
    ("data", "text", "note"),
    [
        (
            ENGLISH.encode() * 9 + "déjà vu, ça, là ".encode() + b"\xff here\n",
            ENGLISH * 9 + "déjà vu, ça, là \ufffd here\n",
            "1 place is not utf-8 and became U+FFFD, the first in line 19",
        ),
        (
            (CHINESE.encode() * 3 + b"\r\xe6\xa8" + CHINESE.encode() + b"\xff\xc3") * 5,
            (CHINESE * 3 + "\r\ufffd" + CHINESE + "\ufffd\ufffd") * 5,
            "15 places are not utf-8 and became U+FFFD, the first in line 5",
        ),
        (
            "a \ufffd b ".encode() * 5 + CHINESE.encode() + b"\xff",
            "a \ufffd b " * 5 + CHINESE + "\ufffd",  # those it had were not lost now
            "1 place is not utf-8 and became U+FFFD, the first in line 2",
        ),
        (
            codecs.BOM_UTF16_LE + "a\nb".encode("utf-16-le") + b"\0\xd8c\0",
            "a\nb\ufffdc",
            "1 place is not utf-16-le and became U+FFFD, the first in line 2",
        ),
        (
            codecs.BOM_UTF32_BE + "ab".encode("utf-32-be") + b"\0",
            "ab\ufffd",
            "1 place is not utf-32-be and became U+FFFD, the first in line 1",
        ),
    ],
)
def test_damage_is_replaced_and_told(data: bytes, text: str, note: str) -> None:
    assert decode(data) == (text, (note,))


@pytest.mark.no_cover
@pytest.mark.parametrize(("language", "encoding"), ENCODINGS)
@pytest.mark.parametrize("size", ["a sentence", "paragraphs", "pages"])
def test_older_encodings_come_back_as_the_very_text(
    language: str, encoding: str, size: str
) -> None:
    sentence, rest = TEXTS[language]
    text = {"a sentence": sentence, "paragraphs": sentence + rest}.get(size, (sentence + rest) * 99)
    found, notes = decode(text.encode(encoding))
    assert found == text
    assert [note.endswith(": it is not UTF-8") for note in notes] == [True]


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("使用 GPU 运行模型，API 返回 JSON。", "gb18030"),
        ("請用 GPU 執行模型，API 會傳回 JSON。", "big5"),
        ("GPU でモデルを動かすと API が JSON を返します。", "cp932"),
        ("GPU でモデルを動かすと API が JSON を返します。", "euc_jp"),
        ("GPU 에서 모델을 실행하면 API 가 JSON 을 돌려줍니다.", "cp949"),
        ("Запустите модель на GPU, и API вернёт JSON.", "cp1251"),
        ("Żółć i gęś jadą na łódź.", "iso8859_2"),
        ("Žluťoučký kůň úpěl ďábelské ódy.", "iso8859_2"),
        ("你好，世界。", "gb18030"),
        ("名称,价格\n螺栓,3\n螺母,5\n", "gb18030"),
        ("안녕하세요 세계", "cp949"),
        ("날짜,매출\n2024-01-01,100\n", "cp949"),
        ("日本語で書く", "euc_jp"),
        ("カタカナのメニュー", "euc_jp"),
        ("Işık çok güzel bir şehirde yaşıyor.", "cp1254"),
        ("שלום לכולם", "cp1255"),
        ("café", "mac_roman"),
        ("CAFÉ", "cp1252"),
        ("café", "cp1252"),
        ("Größe", "cp1252"),
    ],
)
def test_short_and_mixed_texts_come_back(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding))[0] == text


def test_what_is_not_ascii_may_stand_far_into_a_file() -> None:
    text = "plain words\n" * 20_000 + "x" * 3000 + " Größe, für große Modelle\n"
    assert decode(text.encode("cp1252"))[0] == text


def test_a_guess_looks_at_a_part_only() -> None:
    text = TEXTS["simplified"][0] * 3000  # a line longer than a sample
    data = text.encode("gb18030")
    assert len(data) > SAMPLE
    assert decode(data)[0] == text
    assert decode(data + b"\xff\n") == (
        text + "\ufffd\n",
        (
            "read as gb18030: it is not UTF-8",
            "1 place is not gb18030 and became U+FFFD, the first in line 1",
        ),
    )


def test_what_no_encoding_fits_is_told_with_a_hint() -> None:
    noise = random.Random(1).randbytes(3000).replace(b"\0", b"")
    with pytest.raises(LoadError, match="encoding cannot be told") as caught:
        decode(noise)
    assert (caught.value.stage, caught.value.hint) == ("decode", "save it as UTF-8")


@settings(max_examples=50)
@given(st.binary(max_size=200))
def test_any_bytes_are_text_or_refused(data: bytes) -> None:
    try:
        document = load(data, suffix=".txt")
    except LoadError:
        return
    document.text.encode()


@pytest.mark.no_cover
@pytest.mark.parametrize(
    "unit", [b"\xff", b"\xe4 ", b"\xe4\n", b"\x81\xff", b"\0a", b"\xef\xbf\xbd"]
)
def test_a_megabyte_of_anything_takes_no_time(unit: bytes) -> None:
    try:
        decode(unit * (1_000_000 // len(unit)))
    except LoadError as error:
        assert error.stage == "decode"  # noqa: PT017 - either is right
