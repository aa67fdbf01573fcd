"""Which page titles are no articles' names: those in a namespace, and those of another wiki.

``Benutzerin:Ada`` is a page about an editor, ``Kategorie:Brot`` a list. MediaWiki lets no article
begin with a namespace's name and a colon, so a title that does is in that namespace. The names are
those of MediaWiki's language files and of the configuration of these Wikipedias.
"""

import re
import unicodedata
from functools import cache
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from clir.languages import LANGUAGES


class Namespaces(NamedTuple):
    """How a Wikipedia calls its namespaces, beside the names that all have."""

    names: str  # with aliases and shortcuts, commas between
    talk_before: str = ""  # what stands before the name of one, for its talk pages
    talk_after: str = ""  # or behind it


# English names are good in every Wikipedia.
EVERYWHERE = Namespaces(
    """
    Media, Special, Talk, User, Project, Wikipedia, WP, File, Image, MediaWiki, Template, Help,
    Category, Portal, Draft, Module, Gadget, Gadget definition, TimedText, Event, Topic
    """,
    talk_after="talk",
)
NAMESPACES = {
    "en": Namespaces("WT, TM, MOS, Book, Education Program"),
    "de": Namespaces(
        """
        Medium, Spezial, Diskussion, Benutzer, Benutzerin, Datei, Bild, Vorlage, Hilfe, Kategorie,
        Modul, Gadget-Definition, BD, WD, P, PD, H, HD
        """,
        talk_after="Diskussion",
    ),
    "ru": Namespaces(
        """
        Медиа, Служебная, Обсуждение, Участник, Участница, Обсуждение участника,
        Обсуждение участницы, Википедия, Обсуждение Википедии, Файл, Обсуждение файла, Изображение,
        Обсуждение изображения, Шаблон, Обсуждение шаблона, Справка, Обсуждение справки, Категория,
        Обсуждение категории, Портал, Обсуждение портала, Инкубатор, Обсуждение Инкубатора, Проект,
        Обсуждение проекта, Арбитраж, Обсуждение арбитража, Модуль, Обсуждение модуля, Гаджет,
        Обсуждение гаджета, Определение гаджета, Обсуждение определения гаджета, Тема, Черновик,
        Обсуждение черновика, ВП, ОВП, У, U, ОУ, UT, Ш, T, К, И, ПРО, ОПРО, АК, Arbcom
        """,
        talk_before="Обсуждение",
    ),
    "ar": Namespaces(
        """
        ميديا, وسائط, خاص, نقاش, مستخدم, مستخدمة, نقاش المستخدم, نقاش المستخدمة, ويكيبيديا, ملف,
        نقاش الملف, صورة, نقاش الصورة, ميدياويكي, قالب, نقاش القالب, مساعدة, نقاش المساعدة, تصنيف,
        نقاش التصنيف, بوابة, نقاش البوابة, كتاب, نقاش الكتاب, مسودة, نقاش المسودة, وحدة,
        نقاش الوحدة, إضافة, نقاش الإضافة, تعريف الإضافة, موضوع, وب, نو
        """,
        talk_before="نقاش",
    ),
    "nl": Namespaces(
        """
        Speciaal, Overleg, Gebruiker, Gebruikster, Bestand, Afbeelding, Sjabloon, Categorie,
        Portaal, Uitbreiding, H, P
        """,
        talk_before="Overleg",
    ),
    "it": Namespaces(
        """
        Speciale, Discussione, Utente, Immagine, Aiuto, Categoria, Portale, Progetto, Modulo, Bozza,
        Accessorio, Definizione accessorio, CAT, DP, DW, T
        """,
        talk_before="Discussioni, Discussione",
    ),
    "fr": Namespaces(
        """
        Média, Spécial, Discussion, Discuter, Utilisateur, Utilisatrice, Wikipédia, Fichier, Modèle,
        Aide, Catégorie, Portail, Projet, Référence, Sujet, Brouillon, Définition de gadget, DW
        """,
        talk_before="Discussion",
    ),
    "zh": Namespaces(
        """
        媒体, 媒體, 特殊, 讨论, 討論, 对话, 對話, 用户, 用戶, 使用者, 维基百科, 維基百科, 文件,
        档案, 檔案, 图像, 圖像, 图片, 圖片, 模板, 样板, 樣板, 帮助, 幫助, 说明, 說明, 使用說明,
        分类, 分類, 主题, 主題, 门户, 門戶, 专题, 專題, 维基专题, 維基專題, WikiProject, 草稿, 模块,
        模組, 话题, 話題, 小工具, U, UT, WT, T, H, CAT, P, PJ, PJT, WPJ, WPJT
        """,
        talk_after="讨论, 討論, 对话, 對話",
    ),
    "hi": Namespaces(
        """
        मीडिया, विशेष, वार्ता, सदस्य, विकिपीडिया, चित्र, फ़ाइल, फाइल, मीडियाविकि, साँचा, सांचा,
        सहायता, श्रेणी, प्रवेशद्वार, मॉड्यूल, गैजेट, गैजेट परिभाषा, वि, विवा, WPT, U, UT, स, सवा,
        श्र, श्रवा, CT, सा, सावा, T, मी, मीवा, P, प्र, प्रवा
        """,
        talk_after="वार्ता",
    ),
    "id": Namespaces(
        """
        Istimewa, Pembicaraan, Bicara, Pengguna, Berkas, Gambar, Templat, Bantuan, Kategori, Modul,
        Draf
        """,
        talk_before="Pembicaraan, Bicara",
        talk_after="Pembicaraan",
    ),
    "ja": Namespaces(
        """
        メディア, 特別, トーク, ノート, 会話, 利用者, ウィキペディア, ファイル, 画像, テンプレート,
        ヘルプ, カテゴリ, ポータル, プロジェクト, モジュール, ガジェット, 下書き
        """,
        talk_after="‐ノート, -ノート, ・トーク, ‐会話, -会話",
    ),
    "pt": Namespaces(
        """
        Média, Multimédia, Especial, Discussão, Usuário, Usuária, Usuário(a), Utilizador,
        Utilizadora, Wikipédia, Ficheiro, Arquivo, Imagem, Predefinição, Ajuda, Categoria, Anexo,
        Módulo, Livro, Rascunho, Tópico
        """,
        talk_before="Discussão",
        talk_after="Discussão",
    ),
    "es": Namespaces(
        """
        Medio, Especial, Discusión, Usuario, Usuaria, Archivo, Imagen, Plantilla, Ayuda, Categoría,
        Wikiproyecto, Anexo, Módulo, Accesorio, Borrador, CAT, PR
        """,
        talk_before="Discusión",
        talk_after="discusión",
    ),
    "vi": Namespaces(
        """
        Phương tiện, Đặc biệt, Thảo luận, Thành viên, Tập tin, Hình, Bản mẫu, Tiêu bản, Trợ giúp,
        Thể loại, Cổng thông tin, Chủ đề, Mô đun, Bản thảo, Nháp, Tiện ích
        """,
        talk_before="Thảo luận",
    ),
    "pl": Namespaces(
        """
        Specjalna, Dyskusja, Użytkownik, Użytkowniczka, Wikipedysta, Wikipedystka,
        Dyskusja użytkownika, Dyskusja użytkowniczki, Dyskusja wikipedysty, Dyskusja wikipedystki,
        Dyskusja Wikipedii, Plik, Dyskusja pliku, Grafika, Dyskusja grafiki, Szablon,
        Dyskusja szablonu, Pomoc, Dyskusja pomocy, Kategoria, Dyskusja kategorii, Dyskusja portalu,
        Wikiprojekt, Dyskusja wikiprojektu, Moduł, Dyskusja modułu, Gadżet, Dyskusja gadżetu,
        Definicja gadżetu, Dyskusja definicji gadżetu
        """,
        talk_before="Dyskusja",
    ),
}

# What stands before a colon in a link to another wiki: a language, or a sister project. Such titles
# are told from "It: Chapter Two" by how people write them: small, with no blank behind the colon.
_SISTERS = """
    b c commons d incubator m meta mw n outreach q s simple species v voy w wikibooks wikidata
    wikimedia wikinews wikipedia wikiquote wikisource wikispecies wikiversity wikivoyage wikt
    wiktionary
    """.split()
_OTHER_WIKI = (
    rf"^\s*(?::\s*[a-z]{{2,3}}(?:-[a-z]+)*|:?\s*(?:{'|'.join([*LANGUAGES, *_SISTERS])})):\S"
)
_BLANK = r"[\s\p{Z}\p{Cf}]"  # also what only looks like none


def in_namespace(titles: pa.Array, lang: str) -> pa.Array:
    """Whether each title is in a namespace of its language's Wikipedia."""
    return _match_with_colon(titles, _form(lang))


def of_another_wiki(titles: pa.Array) -> pa.Array:
    """Whether each title is a link to another wiki: ``:fr:Lumière``, ``wikt:sun``."""
    return _match_with_colon(titles, _OTHER_WIKI)


def _match_with_colon(titles: pa.Array, form: str) -> pa.Array:
    """Which titles have a form; only the few with a colon are looked at closely."""
    colon = pc.match_substring(titles, ":")
    some = pc.replace_substring(pc.utf8_normalize(titles.filter(colon), "NFC"), "_", " ")
    return pc.replace_with_mask(colon, colon, pc.match_substring_regex(some, form))


@cache
def _form(lang: str) -> str:
    """A regular expression of titles in a namespace."""
    both = EVERYWHERE, NAMESPACES[lang]
    names = _any_of(*(one.names for one in both))
    before, after = (
        f"(?:{_any_of(*(getattr(one, field) for one in both))})?"
        for field in ("talk_before", "talk_after")
    )
    return f"(?i)^(?:{_BLANK}|:)*{before}{_BLANK}*{names}{_BLANK}*{after}{_BLANK}*:"


def _any_of(*listed: str) -> str:
    names = [" ".join(name.split()) for one in listed for name in one.split(",")]
    escaped = [re.escape(unicodedata.normalize("NFC", name)) for name in names if name]
    return f"(?:{'|'.join(escaped)})".replace(r"\ ", f"{_BLANK}+")
