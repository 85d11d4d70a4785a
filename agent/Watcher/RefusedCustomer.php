<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Watcher;

use Magento\Framework\DataObject;
use Magento\Framework\Message\ManagerInterface as MessageManager;
use Magento\Framework\Message\MessageInterface;
use Magento\Store\Model\Store;
use MagentoEventBridge\Agent\Capture\ExecutionContext;
use MagentoEventBridge\Agent\Snapshot\Snapshot;

/**
 * Captures that a customer's login or sign-up was refused, with the shop's messages.
 *
 * The forms of the storefront add messages for the shopper; all others throw an exception.
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
     * @var ExecutionContext
     */
    private $execution;

    /**
     * @var CaptureRecorder
     */
    private $recorder;

    /**
     * Errors that existed before the form was handled; null if no form is being handled.
     *
     * @var MessageInterface[]|null
     */
    private $former;

    public function __construct(MessageManager $messages, ExecutionContext $execution, CaptureRecorder $recorder)
    {
        $this->messages = $messages;
        $this->execution = $execution;
        $this->recorder = $recorder;
    }

    public function on(string $event, DataObject $data): void
    {
        if (!$this->recorder->isOn($event, null)) {
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
            $this->tellLogin($event, is_array($login) ? (string)($login['username'] ?? '') : '', $texts);
        } elseif ($texts && $event === self::SIGN_UP_FORM) {
            $this->tellSignUp($event, [
                'email' => (string)$request->getParam('email'),
                'firstname' => (string)$request->getParam('firstname'),
                'lastname' => (string)$request->getParam('lastname'),
            ], $texts);
        }
    }

    /**
     * Captures a login that was refused with an exception.
     */
    public function loginRefused(string $event, string $username, string $message): void
    {
        if ($this->isToldHere($event)) {
            $this->tellLogin($event, $username, [$message]);
        }
    }

    /**
     * Captures a sign-up that was refused with an exception.
     *
     * @param string $event
     * @param \Magento\Customer\Api\Data\CustomerInterface $customer
     * @param string $message
     * @return void
     */
    public function signUpRefused(string $event, $customer, string $message): void
    {
        if ($this->isToldHere($event)) {
            $this->tellSignUp($event, [
                'email' => (string)$customer->getEmail(),
                'firstname' => (string)$customer->getFirstname(),
                'lastname' => (string)$customer->getLastname(),
            ], [$message]);
        }
    }

    /**
     * The forms have their own events, and an admin user is no customer.
     */
    private function isToldHere(string $event): bool
    {
        return $this->former === null
            && $this->execution->getStoreId() !== Store::DEFAULT_STORE_ID
            && $this->recorder->isOn($event, null);
    }

    private function tellLogin(string $event, string $username, array $texts): void
    {
        $fields = ['username' => $username, 'messages' => $texts];
        $this->recorder->record($event, null, new Snapshot('customer/' . $username, $fields));
    }

    private function tellSignUp(string $event, array $customer, array $texts): void
    {
        $fields = $customer + ['messages' => $texts];
        $this->recorder->record($event, null, new Snapshot('customer/' . $customer['email'], $fields));
    }

    /**
     * Returns the texts of the errors that are new, or the identifiers of those that have one.
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
