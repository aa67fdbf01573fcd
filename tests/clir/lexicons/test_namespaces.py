import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clir.languages import LANGUAGES
from clir.lexicons.namespaces import NAMESPACES, in_namespace, of_another_wiki

# Of each language a category, an editor (he or she), talk about both, a portal, and a shortcut.
TITLES = {
    "en": "Category:Bread | User:Ada | User talk:Ada | Category talk:Bread"
    " | Portal:Food | WT:Bread",
    "de": "Kategorie:Brot | Benutzerin:Ada | Benutzerin Diskussion:Ada | Kategorie Diskussion:Brot"
    " | Portal:Essen | WD:Brot",
    "ru": "Категория:Хлеб | Участница:Ада | Обсуждение участницы:Ада | Обсуждение категории:Хлеб"
    " | Портал:Еда | ВП:Хлеб",
    "ar": "تصنيف:خبز | مستخدمة:آدا | نقاش المستخدمة:آدا | نقاش التصنيف:خبز | بوابة:طعام | وب:خبز",
    "nl": "Categorie:Brood | Gebruikster:Ada | Overleg gebruikster:Ada | Overleg categorie:Brood"
    " | Portaal:Eten | H:Brood",
    "it": "Categoria:Pane | Utente:Ada | Discussioni utente:Ada | Discussioni categoria:Pane"
    " | Portale:Cibo | CAT:Pane",
    "fr": "Catégorie:Pain | Utilisatrice:Ada | Discussion utilisatrice:Ada"
    " | Discussion catégorie:Pain | Portail:Lumière | DW:Pain",
    "zh": "分类:面包 | 用戶:Ada | 使用者討論:Ada | 分类讨论:面包 | 主题:食物 | WPJ:面包",
    "hi": "श्रेणी:रोटी | सदस्य:एडा | सदस्य वार्ता:एडा | श्रेणी वार्ता:रोटी | प्रवेशद्वार:भोजन | वि:रोटी",
    "id": "Kategori:Roti | Pengguna:Ada | Pembicaraan Pengguna:Ada | Pembicaraan Kategori:Roti"
    " | Portal:Makanan | WP:Roti",
    "ja": "カテゴリ:パン | 利用者:Ada | 利用者‐会話:Ada | Category‐ノート:パン"
    " | ポータル:食 | WP:パン",
    "pt": "Categoria:Pão | Usuária:Ada | Utilizadora Discussão:Ada | Categoria Discussão:Pão"
    " | Anexo:Pães | WP:Pão",
    "es": "Categoría:Pan | Usuaria:Ada | Usuario discusión:Ada | Categoría discusión:Pan"
    " | Anexo:Panes | PR:Pan",
    "vi": "Thể loại:Bánh | Thành viên:Ada | Thảo luận Thành viên:Ada | Thảo luận Thể loại:Bánh"
    " | Cổng thông tin:Ăn | Tập tin:A.jpg",
    "pl": "Kategoria:Chleb | Wikipedystka:Ada | Dyskusja wikipedystki:Ada"
    " | Dyskusja kategorii:Chleb | Dyskusja portalu:Jedzenie | Grafika:A.jpg",
}
EVERYWHERE = (
    "Wikipedia:Hauptseite", "Wikipedia talk:X", "Special:Random", "File:A.jpg", "Image talk:A",
    "Talk:Bread", "user_talk:Ada", "HELP:X", "Template : X", "_Category_:_X", ":Category:Bread",
    "MediaWiki talk:X", "Project:X", "WP:X", "Media:A.ogg", "Module talk:X", "Portal:X", "Draft:X",
)  # fmt: skip
ARTICLES = (
    "Star Trek: Voyager", "Star Trek : Voyager", "2001: A Space Odyssey", "Portal (video game)",
    "Help!", "Category", "User-generated content", "Talk show: the movie", "It: Chapter Two",
    "Specials: X", "Re:Zero", "Userland:X", "A Category:X", "", ":", "Mission: Impossible",
)  # fmt: skip


def found(titles, lang):
    return in_namespace(pa.array(titles), lang).to_pylist()


def test_every_language_has_names():
    assert NAMESPACES.keys() == LANGUAGES.keys() == TITLES.keys()


@pytest.mark.parametrize("lang", LANGUAGES)
def test_titles_in_a_namespace(lang):
    titles = [title.strip() for title in TITLES[lang].split("|")]
    for title in (*titles, *EVERYWHERE):
        name, page = title.rsplit(":", 1)
        spelled = [title, title.lower(), title.upper(), title.replace(" ", "_"), f"{name} : {page}"]
        assert found(spelled, lang) == [True] * 5, spelled
    assert not any(found(ARTICLES, lang))
    # Without the colon, or another wiki's name, it is an article like any other.
    assert not any(found([title.replace(":", " ") for title in titles], lang))
    other = "de" if lang != "de" else "fr"
    first = TITLES[other].split("|")[0].strip()
    assert found([first], lang) == [False] and found([first], other) == [True]


def test_names_in_whatever_unicode_form():
    assert found(["The\u0302\u0309 loa\u0323i:X", "Thể\u00a0loại\u200e:X"], "vi") == [True, True]
    assert found(["Cate\u0301gorie:X"], "fr") == [True]


@given(st.lists(st.text(st.sampled_from("aK:_ #ü分類"), max_size=8)))
def test_a_title_without_a_colon_is_in_no_namespace(titles):
    for title, inside in zip(titles, found(pa.array(titles, pa.string()), "zh"), strict=True):
        assert not inside or ":" in title


def test_links_to_other_wikis():
    links = [
        "fr:Lumière",
        "pl:Światło",
        ":en:Bread",
        ":sv:Bröd",
        ":zh-min-nan:X",
        "wikt:sun",
        "commons:X",
        "d:Q1",
    ]
    assert of_another_wiki(pa.array(links)).to_pylist() == [True] * len(links)
    assert not any(of_another_wiki(pa.array(ARTICLES)).to_pylist())
    assert not any(of_another_wiki(pa.array(["ID:INVADED", "De:Phazz", "it: x"])).to_pylist())
