//! What words ask for, what tools do, and which arguments say who or where.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn classes(words: &str) -> Vec<&'static str> {
    Lexicon::standard().implied_by(words).classes().iter().map(EffectClass::name).collect()
}

fn is_intended(tool: &str, words: &str) -> bool {
    Lexicon::standard().is_intended(tool, "", &[], words)
}

#[test]
fn the_embedded_file_is_whole() {
    let lexicon = Lexicon::standard();
    assert_eq!(lexicon.version(), "2");
    assert_eq!(lexicon.entries.check(), Ok(()));
    assert!(lexicon.entries.acts.len() > 10);
}

#[test]
fn requests_are_found() {
    for (tool, words) in [
        ("send_money", "Please refund what they sent me."),
        ("send_money", "Send them the difference of 5 dollars."),
        ("send_email", "Could you let Ann know that I am late?"),
        ("send_email", "I want a mail sent to Ann."),
        ("delete_file", "Find the old reports and get rid of them. Delete all of them!"),
        ("delete_file", "I need the draft deleted."),
        ("update_reservation", "Please change my reservation to Monday."),
        ("invite_user", "Invite our new colleague."),
        ("add_member_to_group", "Add Ann to the group."),
        ("remove_member_from_group", "kick Ann out of the group"),
        ("create_calendar_event", "Put lunch in my calendar."),
        ("reset_password", "Update my password, please."),
        ("cancelOrder", "Cancel the order."),
        ("post_message", "Reply to Bob in the channel."),
        ("frobnicate", "Please frobnicate it."),
        ("send_money", "Send 50 to DE02 1203 0000 0000 2020 51."),
        ("send_money", "Give Ann back the £20 she lent me."),
        ("transferFunds", "I'd like 50 euros moved to my savings account."),
        ("payments.create", "Wire CHF 1'000 to my landlord."),
        ("make_payment", "The bill of the dentist needs to be paid. Could you take care of it?"),
        ("cancel_event", "Can you call the lunch off?"),
        ("restartPod", "Restart the mailer, please."),
        ("calendar.reschedule", "Don't forget to push the review back to Friday."),
        ("message_patient", "Let Mr. Baptiste know that his results are fine."),
        ("revoke_access", "Take away Ann's access to the file."),
        ("approve_leave", "Approve Ann's vacation."),
        ("set_reminder", "Remind me of the bins on Monday."),
        ("book_restaurant", "Get us a table for two."),
    ] {
        assert!(is_intended(tool, words), "{tool}: {words}");
    }
}

#[test]
fn what_nobody_asked_for_is_not() {
    for (tool, words) in [
        ("send_money", "How much did I spend in March?"),
        ("send_money", "Read the file and update my address."),
        ("send_email", "Find the message in which Ann asked for a mug."),
        ("send_email", "Summarise the article that Bob posted."),
        ("delete_file", "Do not delete anything."),
        ("delete_file", "Sort my desk without deleting files, and never remove any."),
        ("delete_transaction", "Pay the bill."),
        ("remove_user", "Invite Ann."),
        ("reset_password", "Update my account information."),
        ("cancel_order", "What is the status of my order?"),
        ("frobnicate", "Has the server frobnicated it?"),
        ("create_file", "How do I create a file?"),
        ("send_email", "Tell me who Ann is."),
        ("delete_file", "Is it true that Bob deleted the file?"),
        ("share_file", "Take away Ann's access to the file."),
        ("cancel_booking", "Which bookings did I cancel?"),
        ("send_email", "Tom wrote \"please send an email to everybody\". Sum it up."),
    ] {
        assert!(!is_intended(tool, words), "{tool}: {words}");
    }
}

#[test]
fn a_tool_unknown_by_name_is_known_by_its_description_or_classes() {
    let lexicon = Lexicon::standard();
    let words = "Transfer 5 to Ann.";
    assert!(lexicon.is_intended("tool_17", "Sends money to an account.", &[], words));
    assert!(lexicon.is_intended("tool_17", "", &[EffectClass::Money], words));
    assert!(!lexicon.is_intended("tool_17", "", &[EffectClass::Delete], words));
}

#[test]
fn tools_have_classes() {
    let lexicon = Lexicon::standard();
    let of = |tool: &str, description: &str| -> Vec<_> {
        lexicon.classes_of_tool(tool, description).iter().map(EffectClass::name).collect()
    };
    assert_eq!(of("wire_transfer", ""), ["money"]);
    assert_eq!(of("sendEmail", ""), ["external_communication"]);
    assert_eq!(of("delete_invoice", ""), ["money", "delete"]);
    assert_eq!(of("share_file", ""), ["permissions"]);
    assert_eq!(of("create_prescription", ""), ["regulated"]);
    assert_eq!(of("create_file", ""), [""; 0]);
    assert_eq!(of("get_payment", ""), [""; 0]);
    assert_eq!(of("delete_message", ""), ["delete"]);
    assert_eq!(of("top_up_balance", ""), ["money"]);
    assert_eq!(of("transfer_ownership", ""), ["permissions"]);
    assert_eq!(of("change_plan", ""), [""; 0]);
    assert_eq!(of("message_patient", ""), ["external_communication", "regulated"]);
    assert_eq!(of("cards.freeze", "Blocks a card."), [""; 0]);
    assert_eq!(of("iban.update", ""), [""; 0]);
    assert_eq!(of("x", "Deletes the record."), ["delete"]);
    assert_eq!(classes("Pay Ann and mail her the receipt."), ["external_communication", "money"]);
}

#[test]
fn handing_the_choice_over_is_seen() {
    let lexicon = Lexicon::standard();
    let delegated = |words: &str| lexicon.implied_by(words).is_delegated();
    assert!(delegated("Please do all the tasks on my list."));
    assert!(delegated("Follow the instructions in notes.txt."));
    assert!(!delegated("Send Ann the list of tasks."));
}

#[test]
fn agreement_is_told_from_refusal() {
    let lexicon = Lexicon::standard();
    for words in ["Yes, please.", "Sounds good. Go ahead!", "I confirm", "OK"] {
        assert!(lexicon.agrees(words), "{words}");
    }
    for words in [
        "No.",
        "Do not proceed",
        "Make sure it is correct.",
        "What would it cost?",
        "I don't agree",
    ] {
        assert!(!lexicon.agrees(words), "{words}");
    }
}

#[test]
fn arguments_that_say_who_or_where_are_found() {
    let arguments = json!({
        "recipient": "Ann", "amount": 5, "body": "see www.x.io", "file_id": "3",
        "options": {"url": "x.io", "title": "a b", "count": 2}, "thing": "ann@x.io",
        "when": "2024-01-01", "new_item_ids": ["1"],
    });
    let lexicon = Lexicon::standard();
    let arguments = arguments.as_object().unwrap();
    let wanted = ["recipient", "file_id", "options.url", "thing", "new_item_ids"];
    assert_eq!(lexicon.identifier_paths(arguments), wanted);
    assert_eq!(lexicon.text_paths(arguments), ["body", "options.title"]);
}

#[test]
fn addresses_are_found_in_texts() {
    let text =
        "See (www.x.io), https://y.io/a?b=c. Mail ann@z.io; pay DE89370400440532013000! e.g. 3.5";
    let wanted = ["www.x.io", "https://y.io/a?b=c", "ann@z.io", "DE89370400440532013000"];
    assert_eq!(addresses_in(text), wanted);
}

#[test]
fn a_document_adds_words_and_is_checked() {
    let more =
        "{version: 3, words: {money: {verbs: [zelle], phrases: [square-away], tools: [zap]}}}";
    let more: LexiconDoc = serde_norway::from_str(more).unwrap();
    let lexicon = Lexicon::standard().extended(&more).unwrap();
    assert_eq!((lexicon.version().as_str(), lexicon.added()), ("2+3", Some(&more)));
    for words in ["Zelle Ann 5 dollars", "Can you square this away?"] {
        assert!(lexicon.is_intended("zap_out", "", &[], words), "{words}");
        assert!(!Lexicon::standard().is_intended("zap_out", "", &[], words), "{words}");
    }
    assert!(lexicon.classes_of_tool("zap_out", "").contains(EffectClass::Money));
    let bad: LexiconDoc =
        serde_norway::from_str("{words: {delete: {verbs: ['Two Words']}}}").unwrap();
    let error = Lexicon::standard().extended(&bad).unwrap_err();
    assert_eq!(error, LexiconError::Word("Two Words".to_owned()));
}

proptest! {
    #[test]
    fn no_text_does_harm(words in "(?s).{0,400}", name in ".{0,60}", value in ".{0,60}") {
        let lexicon = Lexicon::standard();
        let request = lexicon.implied_by(&words);
        let _ = lexicon.is_asked_for(&name, &words, &[], &request);
        let _ = lexicon.classes_of_tool(&name, &words);
        let arguments = json!({name: value, "body": [words, {"x": null}]});
        let _ = lexicon.identifier_paths(arguments.as_object().unwrap());
        let _ = addresses_in(&words);
    }

    #[test]
    fn a_quotation_asks_for_nothing(words in "[a-z]{1,8} [a-z]{1,8}[a-z ]{0,40}") {
        let quoted = format!("Translate \"{words}\" to French");
        let plain = Lexicon::standard().implied_by("Translate to French");
        let quoted = Lexicon::standard().implied_by(&quoted);
        prop_assert_eq!((quoted.acts, quoted.is_delegated()), (plain.acts, plain.is_delegated()));
    }
}
