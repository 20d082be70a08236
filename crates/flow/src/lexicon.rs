//! The words themselves: near-synonyms of actions and of objects, over the trades in which assistants are put to work.
//!
//! The groups are those of a thesaurus (Roget's heads of giving, ending, changing, telling, conveying and so on),
//! filled from general English and from what public interfaces of some thirty trades call their operations. A word
//! stands in as many groups as it has senses. Nothing here is a permission: a group only says that two words can mean
//! one action.
//!
//! What never happens here: no tool set's own words, no code.

use crate::wordlist::WordList;

/// A set of classes of verbs.
pub(crate) type Verbs = u64;
/// A set of classes of objects.
pub(crate) type Nouns = u64;

pub(crate) const CREATE: Verbs = 1;
pub(crate) const SEND: Verbs = 1 << 1;
pub(crate) const PAY: Verbs = 1 << 2;
pub(crate) const DELETE: Verbs = 1 << 3;
pub(crate) const UPDATE: Verbs = 1 << 4;
pub(crate) const MOVE: Verbs = 1 << 5;
pub(crate) const SHARE: Verbs = 1 << 6;
pub(crate) const INVITE: Verbs = 1 << 7;
const APPEND: Verbs = 1 << 8;
pub(crate) const BOOK: Verbs = 1 << 9;
pub(crate) const BUY: Verbs = 1 << 10;
pub(crate) const POST: Verbs = 1 << 11;
pub(crate) const ASSIGN: Verbs = 1 << 12;
pub(crate) const CLOSE: Verbs = 1 << 13;
pub(crate) const APPROVE: Verbs = 1 << 14;
pub(crate) const REJECT: Verbs = 1 << 15;
pub(crate) const START: Verbs = 1 << 16;
pub(crate) const UNDO: Verbs = 1 << 17;
pub(crate) const MARK: Verbs = 1 << 18;
pub(crate) const COPY: Verbs = 1 << 19;
pub(crate) const OPEN: Verbs = 1 << 20;
pub(crate) const RETURN: Verbs = 1 << 21;
pub(crate) const JOIN: Verbs = 1 << 22;
const ESCALATE: Verbs = 1 << 23;
pub(crate) const STOP: Verbs = 1 << 24;
const RATE: Verbs = 1 << 25;
pub(crate) const LEND: Verbs = 1 << 26;
const SELL: Verbs = 1 << 27;
const LOCK: Verbs = 1 << 28;
const SILENCE: Verbs = 1 << 29;
const JUDGE: Verbs = 1 << 30;
pub(crate) const FORGIVE: Verbs = 1 << 31;
pub(crate) const EXTEND: Verbs = 1 << 32;
pub(crate) const SHIP: Verbs = 1 << 33;
pub(crate) const ISSUE: Verbs = 1 << 34;
const CHARGE: Verbs = 1 << 35;
pub(crate) const RECORD: Verbs = 1 << 36;
const REPAIR: Verbs = 1 << 37;
const CONNECT: Verbs = 1 << 38;
const COMBINE: Verbs = 1 << 39;
pub(crate) const SWAP: Verbs = 1 << 40;
const HOLD: Verbs = 1 << 41;
pub(crate) const MEET: Verbs = 1 << 42;
const PROMOTE: Verbs = 1 << 43;
pub(crate) const RAISE: Verbs = 1 << 44;
pub(crate) const LOWER: Verbs = 1 << 45;
pub(crate) const LEAVE: Verbs = 1 << 46;
const COLLECT: Verbs = 1 << 47;
pub(crate) const CLAIM: Verbs = 1 << 48;
const CALL: Verbs = 1 << 49;
const EXCUSE: Verbs = 1 << 50;
const CONFIRM: Verbs = 1 << 51;
pub(crate) const REPLY: Verbs = 1 << 52;

/// Actions that a general "do as it says" never covers: they end, take or give away something.
pub(crate) const DESTRUCTIVE: Verbs =
    DELETE | BUY | CLOSE | REJECT | STOP | UNDO | RETURN | APPROVE | START | SELL | FORGIVE;

pub(crate) const VERBS: &[(Verbs, &str)] = &[
    (
        CREATE,
        "create make add new write draft generate setup build compose register put establish insert produce prepare record log save store enter note jot schedule plan start open file raise set submit lodge nominate propose apply issue found design initiate form arrange organise organize author provision input pencil fit squeeze host convene introduce launch lay document",
    ),
    (
        SEND,
        "send email mail message text forward reply respond answer notify tell inform write contact dm ping remind pass drop announce alert let update page whisper relay deliver say submit shoot fax circulate dispatch transmit convey report advise brief warn caution acquaint apprise nudge chase thank congratulate greet phone ring call broadcast ask inquire enquire",
    ),
    (
        PAY,
        "pay send transfer wire refund reimburse remit settle repay tip donate deposit return give compensate put move stash charge top disburse contribute fund sponsor credit reward cover chip clear gift",
    ),
    (
        DELETE,
        "delete remove erase drop trash discard clear purge wipe clean destroy eliminate cancel dispose bin kick expel ban uninvite unlink detach scrap revoke unregister withdraw retire decommission eject evict oust strike dump chuck toss ditch prune annul rescind nullify scrub expunge cull deregister unenroll unenrol unassign unbook disband dissolve unpublish untag unsubscribe shred pulp",
    ),
    (
        UPDATE,
        "update change modify edit adjust set alter correct fix revise amend reword rephrase replace rename increase decrease raise lower reduce bump switch move make refresh sync put mark double halve triple scale resize extend shorten turn configure rescale grow shrink bring warm cool dim brighten tune calibrate reroute redirect divert renew prolong grade merge tweak modernise upgrade downgrade rework overwrite substitute convert alter customise customize reconfigure retitle relabel retag boost trim cut slash lift ease crank widen narrow limit cap restrict nudge push program keep",
    ),
    (
        MOVE,
        "move reschedule postpone shift delay push relocate rearrange change rebook advance bring transfer put reroute redirect divert swap exchange defer adjourn migrate carry haul transport transplant reorder slide nudge bump pull retime reslot shunt slip",
    ),
    (
        SHARE,
        "share grant give allow permit send show expose provide export authorize authorise circulate open entitle gift",
    ),
    (INVITE, "invite add include join enroll enrol bring get put ask loop onboard admit recruit summon rope"),
    (
        APPEND,
        "append add insert attach include put write extend log note jot record comment annotate save tack supplement enclose leave",
    ),
    (
        BOOK,
        "book reserve schedule arrange order make plan get secure organize organise hold grab snag nab hire rent charter line fix request engage",
    ),
    (BUY, "buy purchase order checkout get acquire procure restock replenish reorder stock grab pick place"),
    (POST, "post publish tweet comment announce upload share write put broadcast blog release leave"),
    (
        ASSIGN,
        "assign reassign delegate give allocate hand transfer appoint move set change hire staff roster put nominate allot earmark designate entrust task pair station deploy dispatch book place charge make get",
    ),
    (
        CLOSE,
        "close resolve complete finish done archive end conclude settle shut wrap finalise finalize shelve fulfil fulfill discharge tick",
    ),
    (
        APPROVE,
        "approve accept confirm authorize authorise sign grant okay ok greenlight ratify endorse sanction countersign allow permit bless clear validate take",
    ),
    (REJECT, "reject decline deny refuse dismiss veto rebuff disapprove disallow bounce"),
    (
        START,
        "start restart reboot reload run launch deploy release ship trigger execute rerun bounce kick activate enable resume begin rollout play fire water irrigate power boot feed print initiate commence ignite wake arm engage unpause preheat brew vacuum mow queue cue",
    ),
    (UNDO, "revert rollback undo restore reset roll back reverse recover reinstate"),
    (
        MARK,
        "mark flag tag label star pin highlight categorize categorise classify set bookmark archive tick check stamp prioritise prioritize",
    ),
    (COPY, "copy duplicate clone export upload download backup save import replicate mirror scan snapshot"),
    (OPEN, "open unlock reopen unblock unfreeze unseal unlatch reactivate lift"),
    (RETURN, "return refund back exchange restore"),
    (
        JOIN,
        "join enter subscribe follow enroll enrol register attend signup admit matriculate put add place get sign book",
    ),
    (ESCALATE, "escalate raise page alert notify forward prioritize prioritise expedite flag refer elevate bump"),
    (
        STOP,
        "stop disable pause suspend terminate cancel kill halt unsubscribe deactivate abort quit revoke void withdraw freeze block end discontinue cease interrupt disarm unplug cut drop hold ground bar",
    ),
    (RATE, "rate review score leave write vote give"),
    (LEND, "lend loan borrow checkout renew issue hand"),
    (SELL, "sell trade auction offload liquidate"),
    (LOCK, "lock secure bolt shut close latch seal bar block freeze"),
    (SILENCE, "silence mute snooze quiet hush acknowledge dismiss"),
    (JUDGE, "grade mark give score assess evaluate set award rank"),
    (FORGIVE, "waive forgive excuse cancel remit exempt spare lift strike drop remove reverse"),
    (EXTEND, "extend renew prolong lengthen stretch give add push keep continue"),
    (
        SHIP,
        "ship dispatch send deliver forward route courier consign post mail despatch expedite release redirect reroute divert transport haul carry move",
    ),
    (
        ISSUE,
        "dispense issue hand distribute administer supply give provide award grant prescribe allot serve dole refill fill release order hand gift",
    ),
    (CHARGE, "charge bill invoice debit levy impose fine collect"),
    (
        RECORD,
        "record register log enter note report file declare capture put mark document track add save store write set submit input book list",
    ),
    (REPAIR, "repair fix mend service patch restore maintain remedy"),
    (CONNECT, "connect link attach pair associate map bind tie hook integrate relate couple assign"),
    (COMBINE, "merge combine consolidate join unify fold"),
    (SWAP, "swap exchange replace substitute switch trade change cover"),
    (HOLD, "hold suspend pause freeze block ban bar put keep park quarantine withhold ground"),
    (MEET, "meet sit gather convene see schedule book plan arrange set organize organise call hold invite"),
    (PROMOTE, "promote advance upgrade elevate raise move"),
    (RAISE, "raise increase boost lift up bump hike grow brighten warm heighten crank"),
    (LOWER, "lower decrease reduce cut drop trim slash dim cool shrink shorten"),
    (LEAVE, "leave exit quit unfollow unsubscribe resign"),
    (COLLECT, "collect take pick fetch gather retrieve pickup"),
    (CLAIM, "claim file report submit lodge raise request register"),
    (CALL, "call phone ring dial"),
    (REPLY, "reply respond answer"),
    (EXCUSE, "excuse pardon exempt absent"),
    (CONFIRM, "confirm acknowledge accept approve verify validate"),
];

/// Verbs that name no object of their own: with them the object has to be named too.
pub(crate) const GENERIC: &str = "create make add new set update change send get give put remove delete post open close write edit \
    modify move start stop cancel take do run use save schedule mark bring share leave hold pull push drop place pass keep \
    hand pick turn call check clear cut lift fix plan record file issue enter fill book order register submit raise cover \
    pay return release switch include store";

/// Verbs that ask for no effect at all.
pub(crate) const READING: &str = "read find search look list show see view check verify compare count calculate compute summarise \
    summarize explain describe translate analyse analyze inspect review get fetch retrieve browse know tell give think \
    help want need like hope remember consider guess wonder determine identify figure estimate sort rank filter pick \
    choose select watch wait listen use mean seem believe understand learn decide recommend advise suggest extract parse \
    study examine assess evaluate investigate research track monitor test confirm ensure make have ask \
    rewrite rephrase proofread outline paraphrase condense tally total sum average convert spell define quote cite \
    ignore skip disregard spare skim scan glance consult locate spot detect discover notice hear feel love hate matter remain stay happen \
    exist contain include belong depend expect assume suppose prefer try let please thank wish";

/// Verbs that leave the action to their object ("request a refill", "create a booking") ...
pub(crate) const LIGHT_VERBS: &str = "create make request schedule submit add set record trigger place apply file start perform initiate arrange organise organize log open issue";
/// ... and such objects.
pub(crate) const NOMINAL: &str = "return refill charge pickup replenishment exchange reminder order booking refund split vote \
    transfer payment reservation cancellation renewal extension exemption registration enrolment enrollment subscription \
    invitation reset restart deployment silence repair delivery playback swap hold discount \
    invoice bill";

const BASE: Nouns = 1;
pub(crate) const MESSAGE: Nouns = BASE;
pub(crate) const MONEY: Nouns = BASE << 1;
const EVENT: Nouns = BASE << 2;
pub(crate) const FILE: Nouns = BASE << 3;
const PERSON: Nouns = BASE << 4;
const WORK: Nouns = BASE << 5;
const PRODUCT: Nouns = BASE << 6;
const STAY: Nouns = BASE << 7;
const PLACE: Nouns = BASE << 8;
const TRAVEL: Nouns = BASE << 9;
const GROUP: Nouns = BASE << 10;
pub(crate) const NOTE: Nouns = BASE << 11;
const ORDER: Nouns = BASE << 12;
const SECRET: Nouns = BASE << 13;
const CODE: Nouns = BASE << 14;
const CLIMATE: Nouns = BASE << 15;
const LIGHT: Nouns = BASE << 16;
const HEALTH: Nouns = BASE << 17;
const VEHICLE: Nouns = BASE << 18;
const MEDIA: Nouns = BASE << 19;
const LEARNING: Nouns = BASE << 20;
const BOOKS: Nouns = BASE << 21;
const GARDEN: Nouns = BASE << 22;
const SHARES: Nouns = BASE << 23;
const DEVICE: Nouns = BASE << 24;
const DOOR: Nouns = BASE << 25;
const STAFF: Nouns = BASE << 26;
const HOME: Nouns = BASE << 27;
const FREIGHT: Nouns = BASE << 28;
const SITE: Nouns = BASE << 29;
const ROUTE: Nouns = BASE << 30;
const ABSENCE: Nouns = BASE << 31;
const PUPIL: Nouns = BASE << 32;
const ANIMAL: Nouns = BASE << 33;
const FOOD: Nouns = BASE << 34;
const CONTRACT: Nouns = BASE << 35;
const CAMPAIGN: Nouns = BASE << 36;
const STOCK: Nouns = BASE << 37;
pub(crate) const TIME: Nouns = BASE << 38;
const SPORT: Nouns = BASE << 39;
const CLAIMS: Nouns = BASE << 40;
const POWER: Nouns = BASE << 41;
const AREA: Nouns = BASE << 42;
const STATE: Nouns = BASE << 43;
const ADDRESS: Nouns = BASE << 44;
const MACHINE: Nouns = BASE << 45;
const VOTE: Nouns = BASE << 46;
const SPOUSE: Nouns = BASE << 47;
const PARENT: Nouns = BASE << 48;
const CHIEF: Nouns = BASE << 49;
const PEER: Nouns = BASE << 50;

/// Classes of what is written, paid, sent or arranged, and so is nobody.
pub(crate) const PAPERS: Nouns =
    MESSAGE | MONEY | EVENT | FILE | NOTE | ORDER | CODE | MEDIA | FREIGHT | BOOKS | CONTRACT;

/// Classes of those who can receive something.
pub(crate) const PEOPLE: Nouns = PERSON | GROUP | STAFF | PUPIL | SPOUSE | PARENT | CHIEF | PEER | SITE;

/// Classes so wide that a word of one tells nothing of which thing is meant.
pub(crate) const BROAD: Nouns =
    PERSON | WORK | FILE | PRODUCT | EVENT | MESSAGE | MONEY | STATE | TIME | NOTE | ORDER | CONTRACT;

pub(crate) const NOUNS: &[(Nouns, &str)] = &[
    (
        MESSAGE,
        "message email mail dm text reply note inbox letter word line sms reminder notification answer chat tell inform notify ping response thread memo notice announcement bulletin newsletter circular fax update alert info heads",
    ),
    (
        MONEY,
        "money payment transaction transfer amount rent bill fund cash price fee invoice refund dollar euro pound balance cost spend spent paid pay debt total iban salary expense saving savings goal tip deposit standing quote offer charge subscription wage bonus fine budget grant allowance premium credit",
    ),
    (
        EVENT,
        "event meeting appointment calendar diary agenda call booking slot session lunch dinner breakfast interview entry lesson class date visit party reunion trip sync standup workshop schedule reminder conference tour viewing consultation exam rehearsal concert",
    ),
    (
        FILE,
        "file document doc docx folder drive spreadsheet sheet report pdf attachment note list page slide presentation txt xlsx csv image photo picture form record paper",
    ),
    (
        PERSON,
        "user account profile member person people contact participant attendee guest colleague friend team info information detail customer client employee staff address invitee everyone recipient tenant donor volunteer passenger resident owner supplier vendor",
    ),
    (
        WORK,
        "task ticket issue card todo bug story case request incident item job lead deal opportunity pipeline project order assignment work",
    ),
    (PRODUCT, "product item article cart basket goods piece thing sku unit"),
    (STAY, "hotel lodging room accommodation stay apartment hostel reservation booking place flat night cabin suite"),
    (PLACE, "restaurant table cafe bar place venue reservation seat hall court pitch booth"),
    (TRAVEL, "flight ticket train trip seat car rental ride taxi journey travel bus cab ferry cruise connection"),
    (GROUP, "channel room group team workspace server space forum board club committee crew squad"),
    (NOTE, "note comment remark annotation memo log entry review feedback record journal"),
    (ORDER, "order purchase parcel package delivery shipment checkout requisition"),
    (SECRET, "password passcode pin credential secret key token"),
    (
        CLIMATE,
        "temperature thermostat degree celsius fahrenheit heating heat warm warmer cool cooler climate aircon ac humidity ventilation",
    ),
    (LIGHT, "light lamp brightness lighting bulb spotlight"),
    (
        HEALTH,
        "patient prescription medication medicine drug dose doctor clinic appointment treatment refill vaccine vaccination shot referral lab",
    ),
    (VEHICLE, "car vehicle truck van bike taxi ride fleet lorry trailer scooter"),
    (
        LEARNING,
        "course class lesson essay grade exam assignment homework submission student pupil quiz thesis paper test mark coursework module",
    ),
    (BOOKS, "book novel title copy loan library volume atlas magazine reader"),
    (GARDEN, "irrigation sprinkler watering garden lawn hose plant zone tomato bed greenhouse crop field"),
    (SHARES, "share stock security position portfolio bond fund"),
    (DEVICE, "alarm device pump sensor machine siren printer robot camera appliance speaker router"),
    (DOOR, "door lock gate garage window shutter blind"),
    (STAFF, "shift roster rota leave holiday vacation employee staff worker"),
    (HOME, "lease rent tenant landlord property tenancy unit house flat apartment"),
    (MEDIA, "song track playlist music album video film movie podcast episode"),
    (
        CODE,
        "repository repo commit branch deploy service server build release replica instance deployment container pod launch rollout pr pull merge",
    ),
    (
        FREIGHT,
        "shipment parcel package consignment freight cargo pallet container load delivery crate box carton goods waybill",
    ),
    (SITE, "warehouse depot hub terminal dock yard bay store branch location site station centre center facility"),
    (ROUTE, "route leg stop tour run lane itinerary detour"),
    (ABSENCE, "absence absent attendance sick presence lateness late leave"),
    (PUPIL, "student pupil learner child kid trainee participant"),
    (ANIMAL, "pet dog cat horse animal cattle cow sheep kennel"),
    (FOOD, "meal dish menu recipe food lunch dinner breakfast drink coffee pizza"),
    (CONTRACT, "contract agreement policy lease subscription plan membership license licence permit warranty"),
    (CAMPAIGN, "campaign ad advert advertisement promotion newsletter audience coupon voucher discount"),
    (STOCK, "stock inventory supply stockpile reorder level quantity item part"),
    (TIME, "time start hour date day deadline due slot schedule timetable term period window"),
    (SPORT, "match game fixture tournament league player coach training practice"),
    (CLAIMS, "claim damage loss complaint dispute incident accident case"),
    (POWER, "power energy electricity battery charger charging charge meter"),
    (AREA, "room zone area floor building section department desk"),
    (STATE, "status state stage phase column step priority condition level"),
    (ADDRESS, "address destination street location delivery"),
    (MACHINE, "oven washer dishwasher dryer fridge vacuum mower robot boiler heater"),
    (VOTE, "vote ballot poll survey petition"),
    (SPOUSE, "wife husband spouse partner"),
    (PARENT, "mother mum mom father dad parent parents"),
    (CHIEF, "boss manager supervisor chief lead head"),
    (PEER, "colleague coworker teammate"),
];

pub(crate) static STOP_WORDS: WordList = WordList::new(
    "a an the of to in on at by for from with and or but if then so as is are was were be been it its this \
    that these those i me my mine we us our you your he him his she her they them their there here what which who whom \
    whose when where why how do does did done doing have has had having can could will would shall should may might \
    must not no yes please also just only very too any some all every each both either neither more most less least \
    other another than into about over under up down out off again once same s t re ll ve d m am pm im id ok okay new",
);

pub(crate) static QUANTIFIERS: WordList = WordList::new(
    "all every each both everyone everybody everything individually respective any these those them \
    alle allen aller jeden jede jedem beide beiden tous toutes chaque todos todas cada",
);
pub(crate) static TLD_OR_PROVIDER: WordList =
    WordList::new("com org net io gmail hotmail yahoo outlook mail email www http https example info");

/// Orders in other languages, by their plain forms; their objects are known by the values of the call.
pub(crate) const FOREIGN: &[(Verbs, &str)] = &[
    (CREATE | RECORD, "erstelle erstellen anlegen notiere eintragen crée créer crea crear"),
    (
        SEND,
        "sende senden schick schicke schicken schreib schreibe schreiben antworte antworten benachrichtige envoie envoyer réponds envía enviar manda responde",
    ),
    (PAY, "überweise überweisen bezahle bezahlen zahle zahlen paie payer paga pagar transfiere"),
    (
        DELETE,
        "lösche löschen entferne entfernen storniere stornieren supprime supprimer annule annuler borra borrar elimina cancela",
    ),
    (
        UPDATE,
        "ändere ändern setze setzen stell stelle stellen aktualisiere change changer modifie cambia cambiar actualiza",
    ),
    (MOVE, "verschiebe verschieben verlege verlegen déplace déplacer mueve mover"),
    (
        BOOK | BUY,
        "buche buchen reserviere reservieren bestelle bestellen kaufe kaufen réserve réserver commande reserva reservar compra",
    ),
    (INVITE | APPEND, "füge hinzufügen einladen ajoute ajouter invite inviter añade invita"),
    (START | OPEN, "öffne öffnen starte starten einschalten ouvre ouvrir allume abre abrir enciende"),
    (
        STOP | CLOSE | UPDATE,
        "schließe schliessen beende ausschalten abschalten ferme fermer éteins cierra cerrar apaga",
    ),
];
