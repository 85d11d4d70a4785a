<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Watcher;

use Magento\Customer\Model\Session;
use Magento\Framework\App\Area;
use Magento\Framework\DataObject;
use Magento\Framework\Message\ManagerInterface as MessageManager;
use Magento\Framework\Message\MessageInterface;
use MagentoEventBridge\Agent\Capture\ExecutionContext;
use MagentoEventBridge\Agent\ResettableInterface;
use MagentoEventBridge\Agent\Snapshot\Snapshot;

/**
 * Captures that a customer's login or sign-up was refused, with the shop's messages.
 *
 * The forms of the storefront add messages for the shopper; all others throw an exception.
 */
class RefusedCustomer implements WatcherInterface, ResettableInterface
{
    private const ROUTE = 'controller_action_predispatch_customer';
    private const RESPONSE = 'controller_front_send_response_before';
    private const LOGIN_FORM = 'controller_action_postdispatch_customer_account_loginpost';
    private const SIGN_UP_FORM = 'controller_action_postdispatch_customer_account_createpost';
    private const AJAX_LOGIN = 'customer_ajax_login';
    private const AUTHENTICATE = 'plugin:customer_account.authenticate';
    private const FORMS = [
        'customer_account_loginpost' => self::LOGIN_FORM,
        'customer_account_createpost' => self::SIGN_UP_FORM,
        self::AJAX_LOGIN => self::AUTHENTICATE,
    ];

    /**
     * @var MessageManager
     */
    private $messages;

    /**
     * @var Session
     */
    private $session;

    /**
     * @var ExecutionContext
     */
    private $execution;

    /**
     * @var CaptureRecorder
     */
    private $recorder;

    /**
     * @var ObservedEvents
     */
    private $events;

    /**
     * Name of the form that is being handled; null if there is none.
     *
     * @var string|null
     */
    private $form;

    /**
     * Errors that existed before the form was handled.
     *
     * @var MessageInterface[]
     */
    private $former = [];

    /**
     * The number of captures.
     *
     * @var int
     */
    private $count = 0;

    /**
     * @param MessageManager $messages
     * @param Session $session
     * @param ExecutionContext $execution
     * @param CaptureRecorder $recorder
     * @param ObservedEvents $events
     */
    public function __construct(
        MessageManager $messages,
        Session $session,
        ExecutionContext $execution,
        CaptureRecorder $recorder,
        ObservedEvents $events
    ) {
        $this->messages = $messages;
        $this->session = $session;
        $this->execution = $execution;
        $this->recorder = $recorder;
        $this->events = $events;
    }

    /**
     * @inheritdoc
     */
    public function on(string $event, DataObject $data): void
    {
        /** @var \Magento\Framework\App\Request\Http $request */
        $request = $data->getData('request');
        if ($event === self::ROUTE) {
            $this->begin(strtolower((string)$request->getFullActionName()));
        } elseif ($event !== self::RESPONSE) {
            $this->endForm($event, $request);
        } elseif ($this->form === self::AJAX_LOGIN) {
            $this->endAjax($request, $data->getData('response'));
        } elseif ($this->form !== null) {
            // A captcha stopped the form before its controller, and then its own event is not dispatched.
            $this->endForm(self::FORMS[$this->form], $request);
        }
    }

    /**
     * Returns how many captures there were, by which a caller sees whether its call was captured already.
     */
    public function count(): int
    {
        return $this->count;
    }

    /**
     * Handles a refused login, with the exception's message.
     */
    public function loginRefused(string $event, string $username, string $message): void
    {
        if ($this->isCapturedHere($event)) {
            $this->captureLogin($event, $username, [$message]);
        }
    }

    /**
     * Handles a refused sign-up, with the exception's message.
     *
     * @param string $event
     * @param array $customer its email, firstname and lastname
     * @param string $message
     * @return void
     */
    public function signUpRefused(string $event, array $customer, string $message): void
    {
        if ($this->isCapturedHere($event)) {
            $this->captureSignUp($event, $customer, [$message]);
        }
    }

    /**
     * @inheritdoc
     */
    public function _resetState(): void
    {
        $this->form = null;
        $this->former = [];
        $this->count = 0;
    }

    /**
     * Notes that a form is being handled, and the errors of former requests that were not shown yet.
     */
    private function begin(string $action): void
    {
        $this->form = null;
        if (isset(self::FORMS[$action]) && $this->recorder->isOn(self::FORMS[$action], null)) {
            $this->form = $action;
            $this->former = $this->messages->getMessages()->getErrors();
            $this->count = 0;
            $this->events->add(self::RESPONSE);
        }
    }

    /**
     * Captures a refused form. A login that succeeded is none, whatever errors came after it.
     *
     * @param string $event
     * @param \Magento\Framework\App\RequestInterface $request
     * @return void
     */
    private function endForm(string $event, $request): void
    {
        if ($this->form === null) {
            return;
        }
        $this->form = null;
        $texts = $this->textsOfNew($this->former);
        if (!$texts || $this->session->isLoggedIn()) {
            return;
        }
        if ($event === self::LOGIN_FORM) {
            $login = $request->getParam('login');
            $this->captureLogin($event, is_array($login) ? (string)($login['username'] ?? '') : '', $texts);
        } elseif ($event === self::SIGN_UP_FORM) {
            $this->captureSignUp($event, [
                'email' => (string)$request->getParam('email'),
                'firstname' => (string)$request->getParam('firstname'),
                'lastname' => (string)$request->getParam('lastname'),
            ], $texts);
        }
    }

    /**
     * Captures a refused login of the storefront's pop-up that did not come to authentication: a captcha.
     *
     * @param \Magento\Framework\App\Request\Http $request
     * @param \Magento\Framework\App\Response\Http $response
     * @return void
     */
    private function endAjax($request, $response): void
    {
        $this->form = null;
        $answer = json_decode((string)$response->getBody(), true);
        if ($this->count > 0 || !is_array($answer) || empty($answer['errors']) || $this->session->isLoggedIn()) {
            return;
        }
        $login = json_decode((string)$request->getContent(), true);
        $username = is_array($login) && is_scalar($login['username'] ?? null) ? (string)$login['username'] : '';
        $this->captureLogin(self::AUTHENTICATE, $username, [(string)($answer['message'] ?? '')]);
    }

    /**
     * Returns whether an exception is captured: forms have their own events, and an admin user is no customer.
     */
    private function isCapturedHere(string $event): bool
    {
        return ($this->form === null || $this->form === self::AJAX_LOGIN)
            && $this->execution->getArea() !== Area::AREA_ADMINHTML
            && $this->recorder->isOn($event, null);
    }

    /**
     * Captures a refused login.
     */
    private function captureLogin(string $event, string $username, array $texts): void
    {
        $fields = ['username' => $username, 'messages' => $texts];
        $this->count++;
        $this->recorder->record($event, null, new Snapshot('customer/' . $username, $fields));
    }

    /**
     * Captures a refused sign-up.
     */
    private function captureSignUp(string $event, array $customer, array $texts): void
    {
        $fields = $customer + ['messages' => $texts];
        $this->count++;
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
