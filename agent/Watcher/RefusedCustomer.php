<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Watcher;

use Magento\Framework\DataObject;
use Magento\Framework\Message\ManagerInterface as MessageManager;
use Magento\Framework\Message\MessageInterface;
use MagentoEventBridge\Agent\Capture\Captures;
use MagentoEventBridge\Agent\Capture\Surroundings;
use MagentoEventBridge\Agent\Capture\Toggles;
use MagentoEventBridge\Agent\Handover\TransactionBuffer;

/**
 * Tells that a customer's login or sign-up was refused, and in which words.
 *
 * The forms of the storefront leave messages for the shopper; all other ways throw an exception.
 */
class RefusedCustomer implements WatcherInterface
{
    private const PREDISPATCH = 'controller_action_predispatch_';
    private const LOGIN_FORM = 'controller_action_postdispatch_customer_account_loginpost';
    private const SIGN_UP_FORM = 'controller_action_postdispatch_customer_account_createpost';

    /**
     * @var MessageManager
     */
    private $messages;

    /**
     * @var Surroundings
     */
    private $surroundings;

    /**
     * @var Toggles
     */
    private $toggles;

    /**
     * @var Captures
     */
    private $captures;

    /**
     * @var TransactionBuffer
     */
    private $buffer;

    /**
     * Errors that were there before the form was handled; null where no form is being handled.
     *
     * @var MessageInterface[]|null
     */
    private $former;

    public function __construct(
        MessageManager $messages,
        Surroundings $surroundings,
        Toggles $toggles,
        Captures $captures,
        TransactionBuffer $buffer
    ) {
        $this->messages = $messages;
        $this->surroundings = $surroundings;
        $this->toggles = $toggles;
        $this->captures = $captures;
        $this->buffer = $buffer;
    }

    public function on(string $event, DataObject $data): void
    {
        $storeId = $this->surroundings->getStoreId();
        if (!$this->toggles->isOn($event, $storeId)) {
            return;
        }
        if (strpos($event, self::PREDISPATCH) === 0) {
            $this->former = $this->messages->getMessages()->getErrors();
            return;
        }
        $former = $this->former ?? [];
        $this->former = null;
        $texts = $this->textsOfNew($former);
        /** @var \Magento\Framework\App\RequestInterface $request */
        $request = $data->getData('request');
        if ($texts && $event === self::LOGIN_FORM) {
            $login = $request->getParam('login');
            $this->tellLogin($event, $storeId, is_array($login) ? (string)($login['username'] ?? '') : '', $texts);
        } elseif ($texts && $event === self::SIGN_UP_FORM) {
            $this->tellSignUp($event, $storeId, [
                'email' => (string)$request->getParam('email'),
                'firstname' => (string)$request->getParam('firstname'),
                'lastname' => (string)$request->getParam('lastname'),
            ], $texts);
        }
    }

    /**
     * A login was refused with the exception's message.
     */
    public function loginRefused(string $event, string $username, string $message): void
    {
        $storeId = $this->surroundings->getStoreId();
        if ($this->isToldHere($event, $storeId)) {
            $this->tellLogin($event, $storeId, $username, [$message]);
        }
    }

    /**
     * A sign-up was refused with the exception's message.
     *
     * @param string $event
     * @param \Magento\Customer\Api\Data\CustomerInterface $customer
     * @param string $message
     * @return void
     */
    public function signUpRefused(string $event, $customer, string $message): void
    {
        $storeId = $this->surroundings->getStoreId();
        if ($this->isToldHere($event, $storeId)) {
            $this->tellSignUp($event, $storeId, [
                'email' => (string)$customer->getEmail(),
                'firstname' => (string)$customer->getFirstname(),
                'lastname' => (string)$customer->getLastname(),
            ], [$message]);
        }
    }

    /**
     * The forms tell for themselves, and an admin user is no customer.
     */
    private function isToldHere(string $event, int $storeId): bool
    {
        return $this->former === null && $storeId !== 0 && $this->toggles->isOn($event, $storeId);
    }

    private function tellLogin(string $event, int $storeId, string $username, array $texts): void
    {
        $capture = $this->captures->make($event, $storeId, 'customer/' . $username);
        $capture->show(['username' => $username, 'messages' => $texts]);
        $this->buffer->add($capture);
    }

    private function tellSignUp(string $event, int $storeId, array $customer, array $texts): void
    {
        $capture = $this->captures->make($event, $storeId, 'customer/' . $customer['email']);
        $capture->show($customer + ['messages' => $texts]);
        $this->buffer->add($capture);
    }

    /**
     * Gives the texts of the errors that are new, or the identifiers of those that have one.
     *
     * @param MessageInterface[] $former
     * @return string[]
     */
    private function textsOfNew(array $former): array
    {
        $texts = [];
        foreach ($this->messages->getMessages()->getErrors() as $message) {
            if (!in_array($message, $former, true)) {
                $identifier = $message->getIdentifier();
                $texts[] = $identifier && $identifier !== MessageInterface::DEFAULT_IDENTIFIER
                    ? $identifier
                    : (string)$message->getText();
            }
        }

        return $texts;
    }
}
