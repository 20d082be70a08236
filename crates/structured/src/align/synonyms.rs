//! Names that mean the same in any record, in the languages that schemas are written in, and usual abbreviations.
//!
//! A synonym is taken only for a member that is missing, of a type that fits, without a rival: so the table may be
//! generous where two names cannot both stand in one record for different things, and holds no others.
//!
//! What never happens here: no value. The table is of names alone.

use std::collections::BTreeMap;
use std::sync::LazyLock;

/// The first rows are translations and other spellings of one word; the others are words that stand for each other.
const SAME_WORD: u32 = 36;

/// Each row is one meaning: names without separators, accents and capitals.
static MEANINGS: [&str; 77] = [
    "email mail emailaddress mailaddress correo correoelectronico courriel eposta adresemail",
    "phone telephone tel phonenumber telephonenumber telefon telefono telefone mobile telefonnummer",
    "quantity qty count menge anzahl cantidad quantite quantita quantidade adet miktar ilosc количество",
    "id identifier uid",
    "url link uri href website webaddress",
    "image picture photo img pic",
    "message msg",
    "zip postcode zipcode postalcode plz postleitzahl codigopostal codepostal cep postakodu kodpocztowy",
    "lastname surname familyname nachname familienname apellido apellidos nomdefamille cognome sobrenome soyad soyadi nazwisko фамилия",
    "firstname givenname forename vorname prenom primernombre imie ad имя",
    "birthdate dateofbirth dob birthday geburtsdatum geburtstag fechadenacimiento datedenaissance datadinascita dogumtarihi dataurodzenia датарождения 生年月日",
    "company organization organisation org employer firma empresa entreprise azienda sirket компания",
    "number num no nr",
    "language lang locale languagecode sprache idioma langue lingua dil jezyk язык",
    "author writer creator autor auteur autore yazar",
    "city town ort stadt ciudad ville citta cidade sehir miasto город locality",
    "reason rationale justification explanation reasoning begrundung",
    "description desc beschreibung descripcion descrizione descricao aciklama opis описание",
    "category kind type class kategorie categoria categorie kategori",
    "amount amt betrag monto importe montant importo valor tutar kwota сумма",
    "price cost preis precio prix prezzo preco fiyat cena цена 価格 价格",
    "address addr adresse direccion indirizzo endereco adres адрес 住所 地址",
    "reference ref",
    "temperature temp temperatur",
    "name nombre nom nome isim nazwa имя название 名前 姓名 名称",
    "age alter edad eta idade yas wiek возраст 年齢 年龄",
    "title titel titulo titre titolo baslik tytul заголовок название 標題 标题 タイトル",
    "summary abstract synopsis overview zusammenfassung resumen riassunto resumo ozet streszczenie 摘要 要約",
    "country land pais pays paese ulke kraj страна 国",
    "street strasse calle rue via rua sokak ulica улица",
    "date datum fecha tarih дата 日付 日期",
    "keywords tags keyword schlusselworter motscles 关键词 キーワード",
    "hobbies hobby interests hobbys 趣味",
    "product item artikel produkt producto produit prodotto urun товар 商品",
    "population inhabitants einwohner poblacion население nufus",
    "capital iscapital hauptstadt столица baskent",
    "title heading headline subject",
    "message msg text body content",
    "confidence certainty",
    "score rating grade punkte puntuacion",
    "label tag class",
    "total sum totalamount grandtotal amounttotal gesamt gesamtbetrag",
    "start begin starttime startdate startdatetime startat startsat beginn",
    "end finish endtime enddate enddatetime endat endsat ende",
    "due duedate deadline dueon dueby falligkeit",
    "path file filepath filename",
    "command cmd shellcommand bashcommand",
    "query q search searchquery searchterm searchtext question",
    "limit maxresults maxitems topk numresults",
    "cwd workdir workingdirectory workingdir directory dir folder",
    "arguments args params parameters input",
    "latitude lat breite breitengrad",
    "longitude lon lng long lange langengrad",
    "location place city venue",
    "unit units uom einheit",
    "passengers pax travelers travellers numpassengers passengercount",
    "origin from departure source departureairport",
    "destination to arrival target arrivalairport",
    "sender from",
    "recipient to receiver",
    "status state stage",
    "priority prio",
    "assignee owner assignedto",
    "currency currencycode ccy wahrung moneda devise valuta",
    "notes comment comments remarks remark note memo notiz notizen bemerkung",
    "lines items lineitems entries rows positions positionen",
    "steps instructions directions procedure",
    "choices options answers alternatives",
    "answer response reply antwort respuesta reponse",
    "attendees participants guests invitees teilnehmer",
    "issuedate invoicedate dateofissue issuedat issuedon rechnungsdatum",
    "bookingdate transactiondate bookedon postingdate buchungsdatum",
    "effectivedate startdate validfrom effectivefrom",
    "expirydate expirationdate enddate expires expiry validuntil validto expireson",
    "weight gewicht peso poids agirlik waga вес",
    "severity sev level",
    "sentiment polarity",
];

/// A short form and what it stands for, where the one is not the beginning of the other or is too short to prove it.
const SHORT: [(&str, &str); 45] = [
    ("cmd", "command"),
    ("msg", "message"),
    ("qty", "quantity"),
    ("amt", "amount"),
    ("addr", "address"),
    ("img", "image"),
    ("num", "number"),
    ("nr", "number"),
    ("dept", "department"),
    ("src", "source"),
    ("dst", "destination"),
    ("dest", "destination"),
    ("str", "string"),
    ("pkg", "package"),
    ("mgr", "manager"),
    ("acct", "account"),
    ("cust", "customer"),
    ("txn", "transaction"),
    ("curr", "currency"),
    ("lang", "language"),
    ("org", "organization"),
    ("org", "organisation"),
    ("loc", "location"),
    ("feat", "feature"),
    ("doc", "documentation"),
    ("docs", "documentation"),
    ("rect", "rectangle"),
    ("circ", "circle"),
    ("temp", "temperature"),
    ("config", "configuration"),
    ("info", "information"),
    ("auth", "authentication"),
    ("dev", "development"),
    ("prod", "production"),
    ("env", "environment"),
    ("admin", "administrator"),
    ("app", "application"),
    ("perf", "performance"),
    ("pers", "person"),
    ("per", "person"),
    ("crit", "critical"),
    ("warn", "warning"),
    ("err", "error"),
    ("req", "request"),
    ("ref", "reference"),
];

/// The rows of the table that hold a name, as bits.
pub(super) fn meanings(name: &str) -> u128 {
    static ROWS: LazyLock<BTreeMap<&'static str, u128>> = LazyLock::new(|| {
        let mut rows: BTreeMap<&'static str, u128> = BTreeMap::new();
        for (row, names) in MEANINGS.iter().enumerate() {
            for name in names.split(' ') {
                *rows.entry(name).or_default() |= 1 << row;
            }
        }
        rows
    });
    ROWS.get(name).copied().unwrap_or(0)
}

/// Whether two meanings share a word in another language or spelling, not only one that stands for it.
pub(super) fn is_same_word(a: u128, b: u128) -> bool {
    a & b & ((1 << SAME_WORD) - 1) != 0
}

/// Whether the first word is a usual short form of the second.
pub(super) fn is_short_for(short: &str, long: &str) -> bool {
    SHORT.iter().any(|(s, l)| *s == short && *l == long)
}

/// Languages by their code (ISO 639-1), in English and in themselves.
const LANGUAGES: [(&str, &[&str]); 18] = [
    ("de", &["german", "deutsch", "ger", "deu"]),
    ("en", &["english", "eng"]),
    ("fr", &["french", "français", "francais", "fra", "fre"]),
    ("es", &["spanish", "español", "espanol", "spa"]),
    ("it", &["italian", "italiano", "ita"]),
    ("pt", &["portuguese", "português", "por"]),
    ("nl", &["dutch", "nederlands", "nld"]),
    ("pl", &["polish", "polski", "pol"]),
    ("tr", &["turkish", "türkçe", "turkce", "tur"]),
    ("ru", &["russian", "русский", "rus"]),
    ("ja", &["japanese", "日本語", "jpn"]),
    ("zh", &["chinese", "中文", "zho", "chi"]),
    ("ko", &["korean", "한국어", "kor"]),
    ("ar", &["arabic", "العربية", "ara"]),
    ("sv", &["swedish", "svenska", "swe"]),
    ("da", &["danish", "dansk", "dan"]),
    ("cs", &["czech", "čeština", "ces", "cze"]),
    ("uk", &["ukrainian", "українська", "ukr"]),
];

/// The number of the language that a word names by its code, in English or in itself.
pub(super) fn language(word: &str) -> Option<usize> {
    let word = word.trim().to_lowercase();
    let code =
        word.split_once(['-', '_']).filter(|(_, region)| region.len() == 2).map_or(word.as_str(), |(code, _)| code);
    LANGUAGES.iter().position(|(own, names)| *own == code || names.contains(&word.as_str()))
}
